//! Sweeps over all floats against the same functions in double, and over many doubles against libm.

use super::super::isa::{Fused, Isa, Plain};
use super::Real;

#[path = "values.rs"]
mod values;

fn floats() -> impl Iterator<Item = f32> {
    (0..0x7f80_0000u32).step_by(9973).flat_map(|b| [f32::from_bits(b), -f32::from_bits(b)])
}
fn doubles() -> impl Iterator<Item = f64> {
    // Dense around 1, sparse elsewhere.
    let all = (0..0x7ff0_0000_0000_0000u64).step_by(0x0000_1237_9abc_def1 * 16).map(f64::from_bits);
    let mid = (0..60_000).map(|i| (i as f64 * 0.001_234_567 - 37.0).exp2());
    all.chain(mid).flat_map(|x| [x, -x])
}

/// The largest error in ulp, and where.
fn worstf(name: &str, f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
    let mut worst = (0.0, 0.0);
    for x in floats() {
        let (got, want) = (f(x), exact(x as f64));
        let near = want.abs() as f32;
        if want.is_nan() || !near.is_finite() || near < f32::MIN_POSITIVE {
            let agrees = got.is_nan() == want.is_nan() && (got - want as f32).abs() <= 2e-45
                || got == want as f32
                || want.is_nan() && got.is_nan();
            assert!(agrees, "{name}({x:e}) = {got:e}, not {want:e}");
            continue;
        }
        let ulp = f32::from_bits(near.to_bits() + 1) as f64 - near as f64;
        let error = (got as f64 - want).abs() / ulp;
        assert!(!error.is_nan(), "{name}({x:e}) = {got:e}, not {want:e}");
        if error > worst.0 {
            worst = (error, x);
        }
    }
    println!("{name:>12}f {:8.3} at {:e}", worst.0, worst.1);
    worst.0
}
fn worst(name: &str, f: impl Fn(f64) -> f64, exact: impl Fn(f64) -> f64) -> f64 {
    let mut worst = (0.0, 0.0);
    for x in doubles() {
        let (got, want) = (f(x), exact(x));
        if want.is_nan() || !want.is_finite() || want.abs() < f64::MIN_POSITIVE {
            let agrees = want.is_nan() && got.is_nan() || got == want || (got - want).abs() <= 1e-323;
            assert!(agrees, "{name}({x:e}) = {got:e}, not {want:e}");
            continue;
        }
        let ulp = f64::from_bits(want.abs().to_bits() + 1) - want.abs();
        let error = (got - want).abs() / ulp;
        assert!(!error.is_nan(), "{name}({x:e}) = {got:e}, not {want:e}");
        if error > worst.0 {
            worst = (error, x);
        }
    }
    println!("{name:>13} {:8.3} at {:e}", worst.0, worst.1);
    worst.0
}

macro_rules! check {
    ($I:ident; $($name:ident: $exact:expr, $single:literal, $double:literal;)*) => {$(
        let (s, d) = (<f32 as Real<$I>>::$name, <f64 as Real<$I>>::$name);
        let error = worstf(stringify!($name), s, $exact);
        assert!(error < $single, "{}f: {error} ulp", stringify!($name));
        // The references are libm's, up to an ulp off themselves.
        let error = worst(stringify!($name), d, $exact);
        assert!(error < $double, "{}: {error} ulp", stringify!($name));
    )*};
}

fn sweep<I: Isa>() {
    check! { I;
        exp: f64::exp, 1.1, 2.0;
        exp2: f64::exp2, 1.1, 2.0;
        expm1: f64::exp_m1, 2.0, 3.0;
        sigmoid: |x: f64| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }, 2.5, 4.0;
        log: f64::ln, 1.1, 2.0;
        log2: f64::log2, 2.0, 3.0;
        log10: f64::log10, 2.5, 3.0;
        log1p: f64::ln_1p, 2.1, 3.0;
        sin: f64::sin, 2.0, 2.0;
        cos: f64::cos, 2.0, 2.0;
        tan: f64::tan, 3.5, 3.5;
        asin: f64::asin, 3.0, 3.0;
        acos: f64::acos, 3.0, 3.0;
        atan: f64::atan, 3.0, 3.0;
        sinh: f64::sinh, 3.0, 4.0;
        cosh: f64::cosh, 3.0, 3.0;
        tanh: f64::tanh, 3.0, 4.0;
        asinh: libm::asinh, 3.5, 4.0;
        acosh: |x| if x < 1.0 { f64::NAN } else { libm::acosh(x) }, 3.5, 4.0;
        atanh: libm::atanh, 3.5, 4.0;
        erf: libm::erf, 3.0, 3.0;
        erfc: libm::erfc, 1.0, 5.0;
    }
}

#[test]
fn accurate_with_fma() {
    sweep::<Fused>();
}
#[test]
fn accurate_without_fma() {
    sweep::<Plain>();
}

fn powers<I: Isa>() {
    let special = [
        0.0,
        1.0,
        2.0,
        3.0,
        0.5,
        1e-300,
        1e300,
        f64::INFINITY,
        f64::NAN,
        5e-324,
        1.5,
        7.0,
        1e17,
        0.999_999_999_9,
        1.000_000_1,
        123.456,
        1e9,
        4_503_599_627_370_497.0,
        f64::MAX,
        2.5,
    ];
    for x in special.into_iter().flat_map(|x| [x, -x]) {
        for y in special.into_iter().flat_map(|y| [y, -y]) {
            let (got, want) = (<f64 as Real<I>>::pow(x, y), x.powf(y));
            let close = got == want || got.is_nan() && want.is_nan() || ((got - want) / want).abs() < 4e-16;
            assert!(close || (got - want).abs() < 1e-323, "pow({x:e}, {y:e}) = {got:e}, not {want:e}");
            let (a, b) = (x as f32, y as f32);
            let (got, want) = (<f32 as Real<I>>::pow(a, b), (a as f64).powf(b as f64) as f32);
            let close = got == want || got.is_nan() && want.is_nan() || ((got - want) / want).abs() < 1e-7;
            assert!(close || (got - want).abs() < 2e-45, "pow({a:e}, {b:e})f = {got:e}, not {want:e}");
        }
    }
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / 9007199254740992.0
    };
    for _ in 0..200_000 {
        let x = ((random() - 0.5) * 60.0).exp2();
        let y = (random() - 0.5) * 40.0;
        let (got, want) = (<f64 as Real<I>>::pow(x, y), x.powf(y));
        assert!(got == want || ((got - want) / want).abs() < 4.5e-16, "pow({x:e}, {y:e}) = {got:e}, not {want:e}");
    }
}
#[test]
fn powers_of_all_kinds() {
    powers::<Fused>();
    powers::<Plain>();
}

fn pairs<I: Isa>() {
    let numbers =
        [0.0, 1.0, 2.5, 3.0, 1e-310, 1e300, 7.25e-5, f64::INFINITY, f64::NAN, 1e-160, 3e155, 0.1, 10.0, 1e16, 5e-324];
    let same = |name: &str, x: f64, y: f64, got: f64, want: f64, ulp: f64| {
        let close = got == want && got.is_sign_negative() == want.is_sign_negative() || got.is_nan() && want.is_nan();
        let close = close || (got - want).abs() <= (want * ulp * 2.3e-16).abs().max(1e-323);
        assert!(close, "{name}({x:e}, {y:e}) = {got:e}, not {want:e}");
    };
    for x in numbers.into_iter().flat_map(|x| [x, -x]) {
        for y in numbers.into_iter().flat_map(|y| [y, -y]) {
            same("atan2", x, y, <f64 as Real<I>>::atan2(x, y), x.atan2(y), 2.0);
            same("hypot", x, y, <f64 as Real<I>>::hypot(x, y), x.hypot(y), 2.0);
            same("fmod", x, y, <f64 as Real<I>>::fmod(x, y), x % y, 0.0);
            same("nextafter", x, y, <f64 as Real<I>>::nextafter(x, y), libm::nextafter(x, y), 0.0);
            if !<f64 as Real<I>>::fmod_rare(x, y) {
                same("fmod_fast", x, y, <f64 as Real<I>>::fmod_fast(x, y), x % y, 0.0);
            }
            let (a, b) = (x as f32, y as f32);
            let wide = |x: f32| x as f64 * 1.8e-9;
            same("atan2f", x, y, wide(<f32 as Real<I>>::atan2(a, b)), wide(a.atan2(b)), 1e9);
            same("fmodf", x, y, <f32 as Real<I>>::fmod(a, b) as f64, (a % b) as f64, 0.0);
            if !<f32 as Real<I>>::fmod_rare(a, b) {
                same("fmodf_fast", x, y, <f32 as Real<I>>::fmod_fast(a, b) as f64, (a % b) as f64, 0.0);
            }
        }
        let (m, e) = <f64 as Real<I>>::frexp(x);
        assert!((m, e) == libm::frexp(x) || !x.is_finite());
        let (m, e) = <f32 as Real<I>>::frexp(x as f32);
        assert!((m, e) == libm::frexpf(x as f32) || !(x as f32).is_finite());
    }
    let rem = <f64 as Real<I>>::remainder;
    assert_eq!([rem(5.0, 3.0), rem(-5.0, 3.0), rem(5.0, -3.0), rem(-5.0, -3.0)], [2.0, 1.0, -1.0, -2.0]);
}
#[test]
fn functions_of_two() {
    pairs::<Fused>();
    pairs::<Plain>();
}

#[test]
fn inverses() {
    type F = Fused;
    for i in 1..20_000 {
        let p = i as f64 / 20_000.0;
        let z = <f64 as Real<F>>::erfinv(p);
        assert!((libm::erf(z) - p).abs() < 3e-16, "erfinv({p}) = {z}");
        let z = <f64 as Real<F>>::ndtri(p);
        assert!((<f64 as Real<F>>::ndtr(z) - p).abs() < 3e-16, "ndtri({p}) = {z}");
        let (got, want) = (<f32 as Real<F>>::erfinv(p as f32) as f64, <f64 as Real<F>>::erfinv(p as f32 as f64));
        assert!((got / want - 1.0).abs() < 4e-7, "erfinvf({p}) = {got}, not {want}");
    }
    for e in 1..300 {
        let p = 10f64.powi(-e);
        let z = <f64 as Real<F>>::ndtri(p);
        assert!((<f64 as Real<F>>::ndtr(z) / p - 1.0).abs() < 1e-12, "ndtri({p})");
    }
}

/// Values from mpmath.
#[test]
fn special_values() {
    let near = |name: &str, got: f64, want: f64| {
        assert!(got == want || ((got - want) / want).abs() < 2e-13, "{name} = {got:e}, not {want:e}");
    };
    values::all(near);
}
