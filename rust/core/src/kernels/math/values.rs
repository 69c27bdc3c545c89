//! Values to 16 digits, computed by mpmath.

use super::super::super::isa::Fused as F;
use super::Real;

pub fn all(near: impl Fn(&str, f64, f64)) {
    near("digamma(0.1)", <f64 as Real<F>>::digamma(0.1), -10.423754940411076);
    near("trigamma(0.1)", <f64 as Real<F>>::trigamma(0.1), 101.43329915079275);
    near("lgamma(0.1)", <f64 as Real<F>>::lgamma(0.1), 2.252712651734206);
    near("digamma(1.4)", <f64 as Real<F>>::digamma(1.4), -0.06138454458511624);
    near("trigamma(1.4)", <f64 as Real<F>>::trigamma(1.4), 1.0253565905295976);
    near("lgamma(1.4)", <f64 as Real<F>>::lgamma(1.4), -0.1196129141723713);
    near("digamma(1.4616321)", <f64 as Real<F>>::digamma(1.4616321), -4.3514636958769774e-08);
    near("trigamma(1.4616321)", <f64 as Real<F>>::trigamma(1.4616321), 0.9676722852682919);
    near("lgamma(1.4616321)", <f64 as Real<F>>::lgamma(1.4616321), -0.12148629053584863);
    near("digamma(2.5)", <f64 as Real<F>>::digamma(2.5), 0.7031566406452432);
    near("trigamma(2.5)", <f64 as Real<F>>::trigamma(2.5), 0.49035775610023485);
    near("lgamma(2.5)", <f64 as Real<F>>::lgamma(2.5), 0.2846828704729192);
    near("digamma(30.0)", <f64 as Real<F>>::digamma(30.0), 3.384438132685525);
    near("trigamma(30.0)", <f64 as Real<F>>::trigamma(30.0), 0.033895060357739946);
    near("lgamma(30.0)", <f64 as Real<F>>::lgamma(30.0), 71.25703896716801);
    near("digamma(-0.5)", <f64 as Real<F>>::digamma(-0.5), 0.03648997397857652);
    near("trigamma(-0.5)", <f64 as Real<F>>::trigamma(-0.5), 8.934802200544679);
    near("lgamma(-0.5)", <f64 as Real<F>>::lgamma(-0.5), 1.2655121234846454);
    near("digamma(-3.7)", <f64 as Real<F>>::digamma(-3.7), -0.8450768588704194);
    near("trigamma(-3.7)", <f64 as Real<F>>::trigamma(-3.7), 14.84242186412428);
    near("lgamma(-3.7)", <f64 as Real<F>>::lgamma(-3.7), -1.3797399049658245);
    near("digamma(1e-5)", <f64 as Real<F>>::digamma(1e-5), -100000.57719921567);
    near("trigamma(1e-5)", <f64 as Real<F>>::trigamma(1e-5), 10000000001.644909);
    near("lgamma(1e-5)", <f64 as Real<F>>::lgamma(1e-5), 11.512919692895826);
    near("polygamma", <f64 as Real<F>>::polygamma(0.3, 2), -75.27253658872604);
    near("polygamma", <f64 as Real<F>>::polygamma(2.5, 2), -0.2362040516417274);
    near("polygamma", <f64 as Real<F>>::polygamma(40.0, 2), -0.0006408202718352986);
    near("polygamma", <f64 as Real<F>>::polygamma(0.3, 3), 743.1417646550498);
    near("polygamma", <f64 as Real<F>>::polygamma(2.5, 3), 0.22390584881725206);
    near("polygamma", <f64 as Real<F>>::polygamma(40.0, 3), 3.24414001515635e-05);
    near("polygamma", <f64 as Real<F>>::polygamma(0.3, 5), 164634.84609922304);
    near("polygamma", <f64 as Real<F>>::polygamma(2.5, 5), 0.5785691785671835);
    near("polygamma", <f64 as Real<F>>::polygamma(40.0, 5), 2.4938943509996704e-07);
    near("zeta(2.0, 1.0)", <f64 as Real<F>>::zeta(2.0, 1.0), 1.6449340668482264);
    near("zeta(1.5, 0.25)", <f64 as Real<F>>::zeta(1.5, 0.25), 10.213055360466601);
    near("zeta(7.3, 12.5)", <f64 as Real<F>>::zeta(7.3, 12.5), 2.4893684933601372e-08);
    near("zeta(30.0, 2.0)", <f64 as Real<F>>::zeta(30.0, 2.0), 9.313274324196682e-10);
    near(
        "igamma(0.05, 0.005000000000000001)",
        <f64 as Real<F>>::igamma(0.05, 0.005000000000000001),
        0.7879657813080719,
    );
    near(
        "igammac(0.05, 0.005000000000000001)",
        <f64 as Real<F>>::igammac(0.05, 0.005000000000000001),
        0.21203421869192812,
    );
    near(
        "igamma(0.05, 0.034999999999999996)",
        <f64 as Real<F>>::igamma(0.05, 0.034999999999999996),
        0.8672565000126639,
    );
    near(
        "igammac(0.05, 0.034999999999999996)",
        <f64 as Real<F>>::igammac(0.05, 0.034999999999999996),
        0.13274349998733614,
    );
    near("igamma(0.05, 0.05)", <f64 as Real<F>>::igamma(0.05, 0.05), 0.882243563885668);
    near("igammac(0.05, 0.05)", <f64 as Real<F>>::igammac(0.05, 0.05), 0.11775643611433194);
    near("igamma(0.05, 0.065)", <f64 as Real<F>>::igamma(0.05, 0.065), 0.8932717557143652);
    near("igammac(0.05, 0.065)", <f64 as Real<F>>::igammac(0.05, 0.065), 0.1067282442856348);
    near("igamma(0.05, 0.15000000000000002)", <f64 as Real<F>>::igamma(0.05, 0.15000000000000002), 0.9278324433657928);
    near(
        "igammac(0.05, 0.15000000000000002)",
        <f64 as Real<F>>::igammac(0.05, 0.15000000000000002),
        0.0721675566342072,
    );
    near("igamma(0.5, 0.05)", <f64 as Real<F>>::igamma(0.5, 0.05), 0.24817036595415073);
    near("igammac(0.5, 0.05)", <f64 as Real<F>>::igammac(0.5, 0.05), 0.7518296340458492);
    near("igamma(0.5, 0.35)", <f64 as Real<F>>::igamma(0.5, 0.35), 0.5972163057535244);
    near("igammac(0.5, 0.35)", <f64 as Real<F>>::igammac(0.5, 0.35), 0.4027836942464757);
    near("igamma(0.5, 0.5)", <f64 as Real<F>>::igamma(0.5, 0.5), 0.6826894921370859);
    near("igammac(0.5, 0.5)", <f64 as Real<F>>::igammac(0.5, 0.5), 0.3173105078629141);
    near("igamma(0.5, 0.65)", <f64 as Real<F>>::igamma(0.5, 0.65), 0.7457867763960356);
    near("igammac(0.5, 0.65)", <f64 as Real<F>>::igammac(0.5, 0.65), 0.25421322360396437);
    near("igamma(0.5, 1.5)", <f64 as Real<F>>::igamma(0.5, 1.5), 0.9167354833364496);
    near("igammac(0.5, 1.5)", <f64 as Real<F>>::igammac(0.5, 1.5), 0.0832645166635504);
    near("igamma(1.0, 0.1)", <f64 as Real<F>>::igamma(1.0, 0.1), 0.09516258196404043);
    near("igammac(1.0, 0.1)", <f64 as Real<F>>::igammac(1.0, 0.1), 0.9048374180359595);
    near("igamma(1.0, 0.7)", <f64 as Real<F>>::igamma(1.0, 0.7), 0.5034146962085905);
    near("igammac(1.0, 0.7)", <f64 as Real<F>>::igammac(1.0, 0.7), 0.4965853037914095);
    near("igamma(1.0, 1.0)", <f64 as Real<F>>::igamma(1.0, 1.0), 0.6321205588285577);
    near("igammac(1.0, 1.0)", <f64 as Real<F>>::igammac(1.0, 1.0), 0.36787944117144233);
    near("igamma(1.0, 1.3)", <f64 as Real<F>>::igamma(1.0, 1.3), 0.7274682069659875);
    near("igammac(1.0, 1.3)", <f64 as Real<F>>::igammac(1.0, 1.3), 0.2725317930340126);
    near("igamma(1.0, 3.0)", <f64 as Real<F>>::igamma(1.0, 3.0), 0.950212931632136);
    near("igammac(1.0, 3.0)", <f64 as Real<F>>::igammac(1.0, 3.0), 0.049787068367863944);
    near("igamma(3.5, 0.35000000000000003)", <f64 as Real<F>>::igamma(3.5, 0.35000000000000003), 0.0016642631545966135);
    near("igammac(3.5, 0.35000000000000003)", <f64 as Real<F>>::igammac(3.5, 0.35000000000000003), 0.9983357368454033);
    near("igamma(3.5, 2.4499999999999997)", <f64 as Real<F>>::igamma(3.5, 2.4499999999999997), 0.3278346724717981);
    near("igammac(3.5, 2.4499999999999997)", <f64 as Real<F>>::igammac(3.5, 2.4499999999999997), 0.6721653275282019);
    near("igamma(3.5, 3.5)", <f64 as Real<F>>::igamma(3.5, 3.5), 0.5711201424469453);
    near("igammac(3.5, 3.5)", <f64 as Real<F>>::igammac(3.5, 3.5), 0.42887985755305474);
    near("igamma(3.5, 4.55)", <f64 as Real<F>>::igamma(3.5, 4.55), 0.7544440011033254);
    near("igammac(3.5, 4.55)", <f64 as Real<F>>::igammac(3.5, 4.55), 0.24555599889667454);
    near("igamma(3.5, 10.5)", <f64 as Real<F>>::igamma(3.5, 10.5), 0.9962298499488539);
    near("igammac(3.5, 10.5)", <f64 as Real<F>>::igammac(3.5, 10.5), 0.0037701500511461666);
    near("igamma(25.0, 2.5)", <f64 as Real<F>>::igamma(25.0, 2.5), 5.198100275214561e-17);
    near("igammac(25.0, 2.5)", <f64 as Real<F>>::igammac(25.0, 2.5), 1.0);
    near("igamma(25.0, 17.5)", <f64 as Real<F>>::igamma(25.0, 17.5), 0.05317630385351302);
    near("igammac(25.0, 17.5)", <f64 as Real<F>>::igammac(25.0, 17.5), 0.946823696146487);
    near("igamma(25.0, 25.0)", <f64 as Real<F>>::igamma(25.0, 25.0), 0.5266015314436506);
    near("igammac(25.0, 25.0)", <f64 as Real<F>>::igammac(25.0, 25.0), 0.47339846855634937);
    near("igamma(25.0, 32.5)", <f64 as Real<F>>::igamma(25.0, 32.5), 0.9246393887374419);
    near("igammac(25.0, 32.5)", <f64 as Real<F>>::igammac(25.0, 32.5), 0.07536061126255812);
    near("igamma(25.0, 75.0)", <f64 as Real<F>>::igamma(25.0, 75.0), 0.9999999999936848);
    near("igammac(25.0, 75.0)", <f64 as Real<F>>::igammac(25.0, 75.0), 6.315223256933987e-12);
    near("igammac(400.0, 40.0)", <f64 as Real<F>>::igammac(400.0, 40.0), 1.0);
    near("igamma(400.0, 280.0)", <f64 as Real<F>>::igamma(400.0, 280.0), 9.31564709230203e-12);
    near("igammac(400.0, 280.0)", <f64 as Real<F>>::igammac(400.0, 280.0), 0.9999999999906843);
    near("igamma(400.0, 400.0)", <f64 as Real<F>>::igamma(400.0, 400.0), 0.5066491298389054);
    near("igammac(400.0, 400.0)", <f64 as Real<F>>::igammac(400.0, 400.0), 0.4933508701610945);
    near("igamma(400.0, 520.0)", <f64 as Real<F>>::igamma(400.0, 520.0), 0.9999999813747673);
    near("igammac(400.0, 520.0)", <f64 as Real<F>>::igammac(400.0, 520.0), 1.8625232716785704e-08);
    near("igamma(400.0, 1200.0)", <f64 as Real<F>>::igamma(400.0, 1200.0), 1.0);
    near("igammac(400.0, 1200.0)", <f64 as Real<F>>::igammac(400.0, 1200.0), 2.575517111019454e-159);
    near("i0(0.3)", <f64 as Real<F>>::i0(0.3), 1.022626879351597);
    near("i1(0.3)", <f64 as Real<F>>::i1(0.3), 0.15169384000359276);
    near("i0e(0.3)", <f64 as Real<F>>::i0e(0.3), 0.7575806251825479);
    near("i1e(0.3)", <f64 as Real<F>>::i1e(0.3), 0.1123775606398388);
    near("k0(0.3)", <f64 as Real<F>>::k0(0.3), 1.3724600605442974);
    near("k1(0.3)", <f64 as Real<F>>::k1(0.3), 3.055992033457325);
    near("k0e(0.3)", <f64 as Real<F>>::k0e(0.3), 1.8526273007720142);
    near("k1e(0.3)", <f64 as Real<F>>::k1e(0.3), 4.12515776224447);
    near("i0(1.0)", <f64 as Real<F>>::i0(1.0), 1.2660658777520084);
    near("i1(1.0)", <f64 as Real<F>>::i1(1.0), 0.565159103992485);
    near("i0e(1.0)", <f64 as Real<F>>::i0e(1.0), 0.46575960759364043);
    near("i1e(1.0)", <f64 as Real<F>>::i1e(1.0), 0.20791041534970844);
    near("k0(1.0)", <f64 as Real<F>>::k0(1.0), 0.42102443824070834);
    near("k1(1.0)", <f64 as Real<F>>::k1(1.0), 0.6019072301972346);
    near("k0e(1.0)", <f64 as Real<F>>::k0e(1.0), 1.144463079806895);
    near("k1e(1.0)", <f64 as Real<F>>::k1e(1.0), 1.6361534862632583);
    near("i0(2.0)", <f64 as Real<F>>::i0(2.0), 2.2795853023360673);
    near("i1(2.0)", <f64 as Real<F>>::i1(2.0), 1.590636854637329);
    near("i0e(2.0)", <f64 as Real<F>>::i0e(2.0), 0.30850832255367105);
    near("i1e(2.0)", <f64 as Real<F>>::i1e(2.0), 0.21526928924893765);
    near("k0(2.0)", <f64 as Real<F>>::k0(2.0), 0.11389387274953344);
    near("k1(2.0)", <f64 as Real<F>>::k1(2.0), 0.13986588181652243);
    near("k0e(2.0)", <f64 as Real<F>>::k0e(2.0), 0.8415682150707714);
    near("k1e(2.0)", <f64 as Real<F>>::k1e(2.0), 1.0334768470686886);
    near("i0(2.5)", <f64 as Real<F>>::i0(2.5), 3.289839144050123);
    near("i1(2.5)", <f64 as Real<F>>::i1(2.5), 2.5167162452886984);
    near("i0e(2.5)", <f64 as Real<F>>::i0e(2.5), 0.27004644161220276);
    near("i1e(2.5)", <f64 as Real<F>>::i1e(2.5), 0.20658464953126657);
    near("k0(2.5)", <f64 as Real<F>>::k0(2.5), 0.06234755320036619);
    near("k1(2.5)", <f64 as Real<F>>::k1(2.5), 0.07389081634774707);
    near("k0e(2.5)", <f64 as Real<F>>::k0e(2.5), 0.7595486903280996);
    near("k1e(2.5)", <f64 as Real<F>>::k1e(2.5), 0.900174423907878);
    near("i0(7.9)", <f64 as Real<F>>::i0(7.9), 389.406283282158);
    near("i1(7.9)", <f64 as Real<F>>::i1(7.9), 363.8539440845084);
    near("i0e(7.9)", <f64 as Real<F>>::i0e(7.9), 0.14436986414104191);
    near("i1e(7.9)", <f64 as Real<F>>::i1e(7.9), 0.13489649943989376);
    near("k0(7.9)", <f64 as Real<F>>::k0(7.9), 0.0001628676676876532);
    near("k1(7.9)", <f64 as Real<F>>::k1(7.9), 0.00017288430649238984);
    near("k0e(7.9)", <f64 as Real<F>>::k0e(7.9), 0.4393000819002152);
    near("k1e(7.9)", <f64 as Real<F>>::k1e(7.9), 0.4663177847368799);
    near("i0(8.1)", <f64 as Real<F>>::i0(8.1), 469.5006067101215);
    near("i1(8.1)", <f64 as Real<F>>::i1(8.1), 439.48430891035844);
    near("i0e(8.1)", <f64 as Real<F>>::i0e(8.1), 0.14251180948829528);
    near("i1e(8.1)", <f64 as Real<F>>::i1e(8.1), 0.13340068832583662);
    near("k0(8.1)", <f64 as Real<F>>::k0(8.1), 0.00013173427864935836);
    near("k1(8.1)", <f64 as Real<F>>::k1(8.1), 0.00013964122894503082);
    near("k0e(8.1)", <f64 as Real<F>>::k0e(8.1), 0.4339943754308567);
    near("k1e(8.1)", <f64 as Real<F>>::k1e(8.1), 0.4600435707528057);
    near("i0(50.0)", <f64 as Real<F>>::i0(50.0), 2.9325537838493362e+20);
    near("i1(50.0)", <f64 as Real<F>>::i1(50.0), 2.903078590103557e+20);
    near("i0e(50.0)", <f64 as Real<F>>::i0e(50.0), 0.05656162664745419);
    near("i1e(50.0)", <f64 as Real<F>>::i1e(50.0), 0.0559931238928954);
    near("k0(50.0)", <f64 as Real<F>>::k0(50.0), 3.4101677497894956e-23);
    near("k1(50.0)", <f64 as Real<F>>::k1(50.0), 3.4441022267175555e-23);
    near("k0e(50.0)", <f64 as Real<F>>::k0e(50.0), 0.17680715585742934);
    near("k1e(50.0)", <f64 as Real<F>>::k1e(50.0), 0.17856655855881556);
    near("i0(300.0)", <f64 as Real<F>>::i0(300.0), 4.475847367935052e+128);
    near("i1(300.0)", <f64 as Real<F>>::i1(300.0), 4.468381385036955e+128);
    near("i0e(300.0)", <f64 as Real<F>>::i0e(300.0), 0.02304255841508546);
    near("i1e(300.0)", <f64 as Real<F>>::i1e(300.0), 0.02300412204026895);
    near("k0(300.0)", <f64 as Real<F>>::k0(300.0), 3.7236948548891435e-132);
    near("k1(300.0)", <f64 as Real<F>>::k1(300.0), 3.7298958583323724e-132);
    near("k0e(300.0)", <f64 as Real<F>>::k0e(300.0), 0.0723300317396073);
    near("k1e(300.0)", <f64 as Real<F>>::k1e(300.0), 0.07245048166725841);
    near("airy_ai(0.5)", <f64 as Real<F>>::airy_ai(0.5), 0.23169360648083348);
    near("airy_ai(1.5)", <f64 as Real<F>>::airy_ai(1.5), 0.07174949700810541);
    near("airy_ai(5.0)", <f64 as Real<F>>::airy_ai(5.0), 0.00010834442813607442);
    near("airy_ai(20.0)", <f64 as Real<F>>::airy_ai(20.0), 1.6916728686705404e-27);
    near("airy_ai(0.0)", <f64 as Real<F>>::airy_ai(0.0), 0.3550280538878172);
    near("airy_ai(-0.5)", <f64 as Real<F>>::airy_ai(-0.5), 0.4757280916105396);
    near("airy_ai(-3.0)", <f64 as Real<F>>::airy_ai(-3.0), -0.37881429367765806);
    near("airy_ai(-8.0)", <f64 as Real<F>>::airy_ai(-8.0), -0.0527050503563862);
    near("airy_ai(-8.9)", <f64 as Real<F>>::airy_ai(-8.9), -0.11726630637175181);
    near("airy_ai(-9.5)", <f64 as Real<F>>::airy_ai(-9.5), 0.3191032477191282);
    near("airy_ai(-20.0)", <f64 as Real<F>>::airy_ai(-20.0), -0.1764061270779847);
    near("j0(0.5)", <f64 as Real<F>>::j0(0.5), 0.9384698072408129);
    near("y1(0.5)", <f64 as Real<F>>::y1(0.5), -1.471472392670243);
    near("spherical_j0(0.5)", <f64 as Real<F>>::spherical_j0(0.5), 0.958851077208406);
    near("j0(3.0)", <f64 as Real<F>>::j0(3.0), -0.26005195490193345);
    near("y1(3.0)", <f64 as Real<F>>::y1(3.0), 0.3246744247918);
    near("spherical_j0(3.0)", <f64 as Real<F>>::spherical_j0(3.0), 0.04704000268662241);
    near("j0(10.0)", <f64 as Real<F>>::j0(10.0), -0.24593576445134835);
    near("y1(10.0)", <f64 as Real<F>>::y1(10.0), 0.24901542420695388);
    near("spherical_j0(10.0)", <f64 as Real<F>>::spherical_j0(10.0), -0.05440211108893698);
    near("log_ndtr(-30.0)", <f64 as Real<F>>::log_ndtr(-30.0), -454.3212439563432);
    near("ndtr(-30.0)", <f64 as Real<F>>::ndtr(-30.0), 4.906713927148187e-198);
    near("log_ndtr(-3.0)", <f64 as Real<F>>::log_ndtr(-3.0), -6.607726221510349);
    near("ndtr(-3.0)", <f64 as Real<F>>::ndtr(-3.0), 0.0013498980316300946);
    near("log_ndtr(-1.0)", <f64 as Real<F>>::log_ndtr(-1.0), -1.8410216450092636);
    near("ndtr(-1.0)", <f64 as Real<F>>::ndtr(-1.0), 0.15865525393145705);
    near("log_ndtr(0.0)", <f64 as Real<F>>::log_ndtr(0.0), -0.6931471805599453);
    near("ndtr(0.0)", <f64 as Real<F>>::ndtr(0.0), 0.5);
    near("log_ndtr(0.5)", <f64 as Real<F>>::log_ndtr(0.5), -0.3689464152886564);
    near("ndtr(0.5)", <f64 as Real<F>>::ndtr(0.5), 0.6914624612740131);
    near("log_ndtr(3.0)", <f64 as Real<F>>::log_ndtr(3.0), -0.0013508099647481938);
    near("ndtr(3.0)", <f64 as Real<F>>::ndtr(3.0), 0.9986501019683699);
    near("log_ndtr(8.0)", <f64 as Real<F>>::log_ndtr(8.0), -6.220960574271786e-16);
    near("ndtr(8.0)", <f64 as Real<F>>::ndtr(8.0), 0.9999999999999993);
    near("erfcx(-3.0)", <f64 as Real<F>>::erfcx(-3.0), 16205.988853999586);
    near("erfcx(-0.5)", <f64 as Real<F>>::erfcx(-0.5), 1.952360489182557);
    near("erfcx(0.2)", <f64 as Real<F>>::erfcx(0.2), 0.8090195199015807);
    near("erfcx(1.0)", <f64 as Real<F>>::erfcx(1.0), 0.427583576155807);
    near("erfcx(5.0)", <f64 as Real<F>>::erfcx(5.0), 0.11070463773306863);
    near("erfcx(26.0)", <f64 as Real<F>>::erfcx(26.0), 0.021683584850562907);
    near("erfcx(1000.0)", <f64 as Real<F>>::erfcx(1000.0), 0.0005641893014533876);
    near("sinc(0.0)", <f64 as Real<F>>::sinc(0.0), 1.0);
    near("sinc(0.3)", <f64 as Real<F>>::sinc(0.3), 0.8583936913341398);
    near("sinc(1.5)", <f64 as Real<F>>::sinc(1.5), -0.2122065907891938);
    near("sinc(100.25)", <f64 as Real<F>>::sinc(100.25), 0.0022451778457783195);
    near("sinc(-7.1)", <f64 as Real<F>>::sinc(-7.1), -0.013853966803992432);
    near("gelu(-3.0)", <f64 as Real<F>>::gelu(-3.0), -0.0040496940948902835);
    near("softplus(-3.0)", <f64 as Real<F>>::softplus(-3.0), 0.04858735157374206);
    near("log_sigmoid(-3.0)", <f64 as Real<F>>::log_sigmoid(-3.0), -3.048587351573742);
    near("gelu_tanh(-3.0)", <f64 as Real<F>>::gelu_tanh(-3.0), -0.003637392081773019);
    near("gelu(-0.5)", <f64 as Real<F>>::gelu(-0.5), -0.15426876936299344);
    near("softplus(-0.5)", <f64 as Real<F>>::softplus(-0.5), 0.4740769841801067);
    near("log_sigmoid(-0.5)", <f64 as Real<F>>::log_sigmoid(-0.5), -0.9740769841801067);
    near("gelu_tanh(-0.5)", <f64 as Real<F>>::gelu_tanh(-0.5), -0.15428599017485609);
    near("gelu(0.2)", <f64 as Real<F>>::gelu(0.2), 0.11585194188782061);
    near("softplus(0.2)", <f64 as Real<F>>::softplus(0.2), 0.7981388693815918);
    near("log_sigmoid(0.2)", <f64 as Real<F>>::log_sigmoid(0.2), -0.5981388693815919);
    near("gelu_tanh(0.2)", <f64 as Real<F>>::gelu_tanh(0.2), 0.11585142978210629);
    near("gelu(1.0)", <f64 as Real<F>>::gelu(1.0), 0.8413447460685429);
    near("softplus(1.0)", <f64 as Real<F>>::softplus(1.0), 1.3132616875182228);
    near("log_sigmoid(1.0)", <f64 as Real<F>>::log_sigmoid(1.0), -0.3132616875182228);
    near("gelu_tanh(1.0)", <f64 as Real<F>>::gelu_tanh(1.0), 0.8411919906082767);
    near("gelu(5.0)", <f64 as Real<F>>::gelu(5.0), 4.999998566742141);
    near("softplus(5.0)", <f64 as Real<F>>::softplus(5.0), 5.006715348489118);
    near("log_sigmoid(5.0)", <f64 as Real<F>>::log_sigmoid(5.0), -0.006715348489118068);
    near("gelu_tanh(5.0)", <f64 as Real<F>>::gelu_tanh(5.0), 4.999999770820381);
}
