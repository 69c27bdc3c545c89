//! Functions of complex numbers, by way of the standard library's doubles. Branch cuts, signed zeros and infinities as C99
//! has them; the inverse functions are Kahan's ("Branch cuts for complex elementary functions", 1987).

use crate::dtype::Complex;
use std::f64::consts::{FRAC_PI_2, LN_2, LN_10, LOG2_E, LOG10_E};

type C = Complex<f64>;

const ONE: C = C::new(1.0, 0.0);
const NAN: C = C::new(f64::NAN, f64::NAN);

fn times(z: C, s: f64) -> C {
    C::new(z.re * s, z.im * s)
}
/// i·z and −i·z, without the products that would turn infinities into NaN.
fn turn(z: C) -> C {
    C::new(-z.im, z.re)
}
fn back(z: C) -> C {
    C::new(z.im, -z.re)
}
/// s · (cos, sin) where s may be 0 or ∞ and an exact zero among the others must stay one.
fn scaled(s: f64, direction: f64) -> f64 {
    if direction == 0.0 { direction } else { s * direction }
}

pub fn abs(z: C) -> f64 {
    z.re.hypot(z.im)
}
pub fn angle(z: C) -> f64 {
    if z.re.is_nan() || z.im.is_nan() { f64::NAN } else { z.im.atan2(z.re) }
}
/// z / |z|, 0 at 0.
pub fn sgn(z: C) -> C {
    let r = abs(z);
    if r == 0.0 { C::new(0.0, 0.0) } else { C::new(z.re / r, z.im / r) }
}
pub fn polar(r: f64, angle: f64) -> C {
    C::new(r * angle.cos(), r * angle.sin())
}
pub fn reciprocal(z: C) -> C {
    ONE / z
}

pub fn exp(z: C) -> C {
    if z.im == 0.0 {
        return C::new(z.re.exp(), z.im);
    }
    if z.re.is_infinite() && !z.im.is_finite() {
        return if z.re < 0.0 { C::new(0.0, 0.0) } else { C::new(f64::INFINITY, f64::NAN) };
    }
    let (s, c) = z.im.sin_cos();
    if z.re > 700.0 && z.re.is_finite() {
        let half = (0.5 * z.re).exp();
        return C::new(half * c * half, half * s * half);
    }
    let r = z.re.exp();
    C::new(scaled(r, c), scaled(r, s))
}
pub fn exp2(z: C) -> C {
    exp(times(z, LN_2))
}
/// eᶻ − 1, exact near zero.
pub fn expm1(z: C) -> C {
    if z.im == 0.0 {
        return C::new(z.re.exp_m1(), z.im);
    }
    if !z.im.is_finite() {
        return NAN;
    }
    if !z.re.is_finite() || z.re > 700.0 {
        return exp(z) - ONE;
    }
    let (s, c) = z.im.sin_cos();
    let half = (0.5 * z.im).sin();
    C::new(z.re.exp_m1() * c - 2.0 * half * half, z.re.exp() * s)
}

/// log |z|, with the digits that the absolute value loses near 1.
fn log_abs(z: C) -> f64 {
    let (a, b) = (z.re.abs().max(z.im.abs()), z.re.abs().min(z.im.abs()));
    let r = a.hypot(b);
    if r > 0.7 && r < 1.42 {
        0.5 * ((a - 1.0) * (a + 1.0) + b * b).ln_1p()
    } else if r.is_infinite() && a.is_finite() {
        (0.25 * a).hypot(0.25 * b).ln() + 2.0 * LN_2
    } else {
        r.ln()
    }
}
pub fn log(z: C) -> C {
    C::new(log_abs(z), z.im.atan2(z.re))
}
pub fn log2(z: C) -> C {
    times(log(z), LOG2_E)
}
pub fn log10(z: C) -> C {
    let w = log(z);
    C::new(if z.im == 0.0 { z.re.abs().log10() } else { w.re / LN_10 }, w.im * LOG10_E)
}
/// log(1 + z), exact near zero.
pub fn log1p(z: C) -> C {
    if z.re.is_nan() || z.im.is_nan() {
        return NAN;
    }
    let w = C::new(1.0 + z.re, z.im);
    let re = if abs(z) < 0.5 { 0.5 * (z.re * (2.0 + z.re) + z.im * z.im).ln_1p() } else { log_abs(w) };
    C::new(re, w.im.atan2(w.re))
}

pub fn sqrt(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if x == 0.0 && y == 0.0 {
        return C::new(0.0, y);
    }
    if y.is_infinite() {
        return C::new(f64::INFINITY, y);
    }
    if x.is_infinite() && !x.is_nan() {
        let rest = if y.is_nan() { y } else { 0.0f64.copysign(y) };
        return if x > 0.0 { C::new(x, rest) } else { C::new(rest.abs(), f64::INFINITY.copysign(y)) };
    }
    // Scaled by 4^k, so that neither the absolute value overflows nor its half underflows.
    let large = x.abs().max(y.abs());
    let (scale, unscale) = if large > 1e300 {
        (0.0625, 4.0)
    } else if large < 1e-290 {
        (324_518_553_658_426_726_783_156_020_576_256.0, 5.551_115_123_125_783e-17)
    } else {
        (1.0, 1.0)
    };
    let (x, y) = (x * scale, y * scale);
    let t = (0.5 * (x.hypot(y) + x.abs())).sqrt();
    let other = y.abs() / (2.0 * t);
    let (re, im) = if x >= 0.0 { (t, other) } else { (other, t) };
    C::new(re * unscale, (im * unscale).copysign(y))
}
pub fn rsqrt(z: C) -> C {
    ONE / sqrt(z)
}

/// 1 / (1 + e⁻ᶻ)
pub fn sigmoid(z: C) -> C {
    ONE / (ONE + exp(-z))
}

/// z · sigmoid(z)
pub fn silu(z: C) -> C {
    z * sigmoid(z)
}

/// zʷ: whole exponents by multiplication, others as exp(w · log z).
pub fn pow(z: C, w: C) -> C {
    if w.re == 0.0 && w.im == 0.0 {
        return ONE;
    }
    if z.re == 0.0 && z.im == 0.0 {
        return if w.re > 0.0 {
            C::new(0.0, 0.0)
        } else if w.re < 0.0 && w.im == 0.0 {
            C::new(f64::INFINITY, f64::NAN)
        } else {
            NAN
        };
    }
    if w.im == 0.0 && w.re == w.re.trunc() && w.re.abs() <= 1024.0 {
        let (mut n, mut square, mut result) = (w.re.abs() as u32, z, ONE);
        loop {
            if n & 1 == 1 {
                result = result * square;
            }
            n >>= 1;
            if n == 0 {
                break;
            }
            square = square * square;
        }
        return if w.re < 0.0 { ONE / result } else { result };
    }
    if w.im == 0.0 && z.im == 0.0 && z.re > 0.0 {
        return C::new(z.re.powf(w.re), 0.0);
    }
    exp(w * log(z))
}

/// sinh x and cosh x times a factor, where the factor may save them from overflow.
fn sinh_cosh(x: f64, s: f64, c: f64) -> (f64, f64) {
    if x.abs() > 700.0 && x.is_finite() {
        let half = (0.5 * x.abs()).exp();
        return ((0.5 * half * s * half).copysign(x * s), 0.5 * half * c * half);
    }
    (scaled(x.sinh(), s), scaled(x.cosh(), c))
}
pub fn sinh(z: C) -> C {
    if z.im == 0.0 {
        return C::new(z.re.sinh(), z.im);
    }
    if z.re == 0.0 {
        return C::new(z.re, z.im.sin());
    }
    if z.re.is_infinite() && !z.im.is_finite() {
        return C::new(f64::INFINITY, f64::NAN); // of no certain sign
    }
    let (s, c) = z.im.sin_cos();
    let (re, im) = sinh_cosh(z.re, c, s);
    C::new(re, im)
}
pub fn cosh(z: C) -> C {
    if z.im == 0.0 {
        return C::new(z.re.cosh(), scaled(z.re.signum() * z.im, 0.0f64.copysign(z.re * z.im)));
    }
    if z.re == 0.0 {
        return C::new(z.im.cos(), scaled(0.0, 0.0f64.copysign(z.re * z.im.sin())));
    }
    if z.re.is_infinite() && !z.im.is_finite() {
        return C::new(f64::INFINITY, f64::NAN);
    }
    let (s, c) = z.im.sin_cos();
    let (im, re) = sinh_cosh(z.re, s, c);
    C::new(re, im)
}
pub fn tanh(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if y == 0.0 {
        return C::new(x.tanh(), y);
    }
    if x.abs() > 22.0 {
        let im = if y.is_finite() {
            let (s, c) = y.sin_cos();
            4.0 * s * c * (-2.0 * x.abs()).exp()
        } else if x.is_infinite() {
            0.0
        } else {
            f64::NAN
        };
        return C::new(1f64.copysign(x), im);
    }
    if !y.is_finite() {
        return C::new(if x == 0.0 { x } else { f64::NAN }, f64::NAN);
    }
    let (t, s) = (y.tan(), x.sinh());
    let beta = 1.0 + t * t;
    let rho = (1.0 + s * s).sqrt();
    if t.is_infinite() {
        return C::new(rho / s, 1.0 / t);
    }
    let d = 1.0 + beta * s * s;
    C::new(beta * rho * s / d, t / d)
}
pub fn sin(z: C) -> C {
    if z.im.is_infinite() && !z.re.is_finite() {
        return C::new(f64::NAN, f64::INFINITY); // of no certain sign
    }
    back(sinh(turn(z)))
}
pub fn cos(z: C) -> C {
    cosh(turn(z))
}
pub fn tan(z: C) -> C {
    back(tanh(turn(z)))
}
/// sin(πz) / (πz)
pub fn sinc(z: C) -> C {
    if z.re == 0.0 && z.im == 0.0 {
        return ONE;
    }
    let w = times(z, std::f64::consts::PI);
    sin(w) / w
}

/// √(1 − z) and √(1 + z), which keep the sign of a zero imaginary part.
fn roots(z: C) -> (C, C) {
    (sqrt(C::new(1.0 - z.re, -z.im)), sqrt(C::new(1.0 + z.re, z.im)))
}
pub fn asin(z: C) -> C {
    if z.re.is_infinite() && z.im.is_nan() {
        return C::new(f64::NAN, f64::INFINITY);
    }
    let (minus, plus) = roots(z);
    let product = minus.re * plus.re - minus.im * plus.im;
    C::new(z.re.atan2(product), (minus.re * plus.im - minus.im * plus.re).asinh())
}
pub fn acos(z: C) -> C {
    let (minus, plus) = roots(z);
    C::new(2.0 * minus.re.atan2(plus.re), (plus.re * minus.im - plus.im * minus.re).asinh())
}
pub fn atan(z: C) -> C {
    back(atanh(turn(z)))
}
pub fn asinh(z: C) -> C {
    back(asin(turn(z)))
}
pub fn acosh(z: C) -> C {
    let minus = sqrt(C::new(z.re - 1.0, z.im));
    let plus = sqrt(C::new(z.re + 1.0, z.im));
    C::new((minus.re * plus.re + minus.im * plus.im).asinh(), 2.0 * minus.im.atan2(plus.re))
}
pub fn atanh(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if x.is_nan() && y.is_infinite() {
        return C::new(0f64.copysign(x), FRAC_PI_2.copysign(y));
    }
    if y.is_nan() && x.is_infinite() {
        return C::new(0f64.copysign(x), f64::NAN);
    }
    if x.is_nan() || y.is_nan() {
        return NAN;
    }
    if x.abs() > 1e150 || y.abs() > 1e150 {
        let re = if x.is_infinite() || y.is_infinite() { 0.0 } else { (ONE / z).re.abs() };
        return C::new(re.copysign(x), FRAC_PI_2.copysign(y));
    }
    let (a, y2) = (x.abs(), y * y);
    let re = 0.25 * (4.0 * a / ((1.0 - a) * (1.0 - a) + y2)).ln_1p();
    C::new(re.copysign(x), 0.5 * (2.0 * y).atan2((1.0 - a) * (1.0 + a) - y2))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values from mpmath; parts that are 0 there may be 0 or lost digits here.
    #[test]
    fn values() {
        type Row = (&'static str, fn(C) -> C, [f64; 4]);
        let rows: &[Row] = &VALUES;
        for (name, f, [x, y, re, im]) in rows {
            let got = f(C::new(*x, *y));
            let size = re.hypot(*im);
            let error = (got.re - re).hypot(got.im - im);
            assert!(error <= 4e-15 * size, "{name}({x}, {y}) = {got:?}, not ({re}, {im})");
        }
    }

    #[test]
    fn edges() {
        let inf = f64::INFINITY;
        assert_eq!(sqrt(C::new(-4.0, -0.0)), C::new(0.0, -2.0));
        assert_eq!(sqrt(C::new(-4.0, 0.0)), C::new(0.0, 2.0));
        assert_eq!(sqrt(C::new(f64::NAN, inf)), C::new(inf, inf));
        assert_eq!(exp(C::new(-inf, f64::NAN)), C::new(0.0, 0.0));
        assert!(exp(C::new(720.0, 1.5)).re.is_finite() || exp(C::new(720.0, 1.5)).re == inf);
        assert_eq!(tanh(C::new(inf, 1.0)).re, 1.0);
        assert_eq!(pow(C::new(0.0, 1.0), C::new(2.0, 0.0)), C::new(-1.0, 0.0));
        assert_eq!(pow(C::new(0.0, 0.0), C::new(0.0, 0.0)), ONE);
        assert!((acos(C::new(2.0, -0.0)).im - 1.3169578969248166).abs() < 1e-15);
        assert!((acos(C::new(2.0, 0.0)).im + 1.3169578969248166).abs() < 1e-15);
        assert!((log(C::new(1e308, 1e308)).re - 709.5427815) < 1e-6);
        assert_eq!(atanh(C::new(1e200, 1.0)).im, FRAC_PI_2);
    }

    const VALUES: [(&str, fn(C) -> C, [f64; 4]); 140] = [
        ("exp", exp, [0.5, 0.25, 1.5974665191199127, 0.40790017007835977]),
        ("exp", exp, [-1.5, 2.0, -0.09285491028402633, 0.2028916804701695]),
        ("exp", exp, [3.0, -0.125, 19.92882288023536, -2.504158960797569]),
        ("exp", exp, [1e-09, -2e-09, 1.000000001, -2.000000002e-09]),
        ("exp", exp, [-0.75, -1.25, 0.14894773732680602, -0.4482685932492423]),
        ("exp", exp, [0.3, 12.0, 1.1390836985029316, -0.7242976792696436]),
        ("exp", exp, [25.0, 1.0, 38904413145.79287, 60590033556.423546]),
        ("expm1", expm1, [0.5, 0.25, 0.5974665191199127, 0.40790017007835977]),
        ("expm1", expm1, [-1.5, 2.0, -1.0928549102840264, 0.2028916804701695]),
        ("expm1", expm1, [3.0, -0.125, 18.92882288023536, -2.504158960797569]),
        ("expm1", expm1, [1e-09, -2e-09, 9.999999985e-10, -2.000000002e-09]),
        ("expm1", expm1, [-0.75, -1.25, -0.851052262673194, -0.4482685932492423]),
        ("expm1", expm1, [0.3, 12.0, 0.1390836985029315, -0.7242976792696436]),
        ("expm1", expm1, [25.0, 1.0, 38904413144.79287, 60590033556.423546]),
        ("log", log, [0.5, 0.25, -0.5815754049028404, 0.4636476090008061]),
        ("log", log, [-1.5, 2.0, 0.9162907318741551, 2.214297435588181]),
        ("log", log, [3.0, -0.125, 1.099479591574214, -0.04164257909858842]),
        ("log", log, [1e-09, -2e-09, -19.918546880729362, -1.1071487177940904]),
        ("log", log, [-0.75, -1.25, 0.3768859011881901, -2.1112158270654806]),
        ("log", log, [0.3, 12.0, 2.4852190521724213, 1.5458015331759765]),
        ("log", log, [25.0, 1.0, 3.219675185550049, 0.039978687123290044]),
        ("log1p", log1p, [0.5, 0.25, 0.4191645952022216, 0.16514867741462683]),
        ("log1p", log1p, [-1.5, 2.0, 0.7234594914681627, 1.8157749899217608]),
        ("log1p", log1p, [3.0, -0.125, 1.3867824041064183, -0.031239833430268277]),
        ("log1p", log1p, [1e-09, -2e-09, 1.0000000015e-09, -1.9999999980000002e-09]),
        ("log1p", log1p, [-0.75, -1.25, 0.2427539078908504, -1.373400766945016]),
        ("log1p", log1p, [0.3, 12.0, 2.490740538332952, 1.46288383797822]),
        ("log1p", log1p, [25.0, 1.0, 3.2588356364561375, 0.03844259002118798]),
        ("log10", log10, [0.5, 0.25, -0.25257498915995297, 0.20135959813668658]),
        ("log10", log10, [-1.5, 2.0, 0.3979400086720376, 0.9616571575684683]),
        ("log10", log10, [3.0, -0.125, 0.47749791958592214, -0.01808514231473664]),
        ("log10", log10, [1e-09, -2e-09, -8.65051499783199, -0.48082857878423413]),
        ("log10", log10, [-0.75, -1.25, 0.16367946719316517, -0.9168893838013483]),
        ("log10", log10, [0.3, 12.0, 1.0793169206793123, 0.6713330759759131]),
        ("log10", log10, [25.0, 1.0, 1.3982871666052148, 0.017362523211381455]),
        ("sqrt", sqrt, [0.5, 0.25, 0.7276733451126774, 0.17178037486125622]),
        ("sqrt", sqrt, [-1.5, 2.0, 0.7071067811865476, 1.4142135623730951]),
        ("sqrt", sqrt, [3.0, -0.125, 1.7324264829085936, -0.03607656695195974]),
        ("sqrt", sqrt, [1e-09, -2e-09, 4.022479320953552e-05, -2.486028939392892e-05]),
        ("sqrt", sqrt, [-0.75, -1.25, 0.594868882070379, -1.050651696260784]),
        ("sqrt", sqrt, [0.3, 12.0, 2.4802973021641512, 2.4190648414465388]),
        ("sqrt", sqrt, [25.0, 1.0, 5.000999500419572, 0.09998001398681429]),
        ("sinh", sinh, [0.5, 0.25, 0.504895714387995, 0.2789791283502615]),
        ("sinh", sinh, [-1.5, 2.0, 0.8860929093625314, 2.139040009980677]),
        ("sinh", sinh, [3.0, -0.125, 9.93971213357129, -1.2551830751361823]),
        ("sinh", sinh, [1e-09, -2e-09, 1e-09, -2e-09]),
        ("sinh", sinh, [-0.75, -1.25, -0.2592948545511628, -1.2286345240950955]),
        ("sinh", sinh, [0.3, 12.0, 0.2569706551397515, -0.5609003368243616]),
        ("sinh", sinh, [25.0, 1.0, 19452206572.896435, 30295016778.211773]),
        ("cosh", cosh, [0.5, 0.25, 1.0925708047319176, 0.12892104172809826]),
        ("cosh", cosh, [-1.5, 2.0, -0.9789478196465577, -1.9361483295105073]),
        ("cosh", cosh, [3.0, -0.125, 9.989110746664071, -1.2489758856613866]),
        ("cosh", cosh, [1e-09, -2e-09, 1.0, -2e-18]),
        ("cosh", cosh, [-0.75, -1.25, 0.4082425918779688, 0.7803659308458533]),
        ("cosh", cosh, [0.3, 12.0, 0.8821130433631801, -0.16339734244528203]),
        ("cosh", cosh, [25.0, 1.0, 19452206572.896435, 30295016778.211773]),
        ("tanh", tanh, [0.5, 0.25, 0.48548728102413535, 0.19805544995134952]),
        ("tanh", tanh, [-1.5, 2.0, -1.0641443991765371, -0.08039101531016818]),
        ("tanh", tanh, [3.0, -0.125, 0.995207374312129, -0.0012206355197352978]),
        ("tanh", tanh, [1e-09, -2e-09, 1e-09, -2e-09]),
        ("tanh", tanh, [-0.75, -1.25, -1.3726075705337832, -0.3857959526097507]),
        ("tanh", tanh, [0.3, 12.0, 0.39552440969937186, -0.5625953534426107]),
        ("tanh", tanh, [25.0, 1.0, 1.0, 3.5076145474880305e-22]),
        ("sin", sin, [0.5, 0.25, 0.494485780933195, 0.22168816414957482]),
        ("sin", sin, [-1.5, 2.0, -3.752771340479298, 0.2565539560904818]),
        ("sin", sin, [3.0, -0.125, 0.14222394441768127, 0.12407157711933818]),
        ("sin", sin, [1e-09, -2e-09, 1e-09, -2e-09]),
        ("sin", sin, [-0.75, -1.25, -1.2872229100264918, -1.1721063598927026]),
        ("sin", sin, [0.3, 12.0, 24048.664798541497, 77742.79550836586]),
        ("sin", sin, [25.0, 1.0, -0.2042294225597801, 1.1648627276450465]),
        ("cos", cos, [0.5, 0.25, 0.9051501505596067, -0.12110879604381165]),
        ("cos", cos, [-1.5, 2.0, 0.2661271953135458, 3.6177750739401375]),
        ("cos", cos, [3.0, -0.125, -0.9977368889512219, 0.017685974412135323]),
        ("cos", cos, [1e-09, -2e-09, 1.0, 2e-18]),
        ("cos", cos, [-0.75, -1.25, 1.3817387306342588, -1.0919301355539746]),
        ("cos", cos, [0.3, 12.0, 77742.79551423565, -24048.664796725756]),
        ("cos", cos, [25.0, 1.0, 1.5295058641609436, 0.15553993469574898]),
        ("tan", tan, [0.5, 0.25, 0.504500702698564, 0.3124206925025888]),
        ("tan", tan, [-1.5, 2.0, -0.0053620609220030565, 1.036920282100185]),
        ("tan", tan, [3.0, -0.125, -0.14029816681980314, -0.1268399397769182]),
        ("tan", tan, [1e-09, -2e-09, 1e-09, -2e-09]),
        ("tan", tan, [-0.75, -1.25, -0.16080778591620642, -0.9753632850312356]),
        ("tan", tan, [0.3, 12.0, 4.263202612695917e-11, 0.999999999937685]),
        ("tan", tan, [25.0, 1.0, -0.055503676258293215, 0.7672384874898089]),
        ("asin", asin, [0.5, 0.25, 0.5016088532755008, 0.2813960562452928]),
        ("asin", asin, [-1.5, 2.0, -0.6065115181997548, 1.6224941488715938]),
        ("asin", asin, [3.0, -0.125, 1.5266362630472592, -1.7637816499875794]),
        ("asin", asin, [1e-09, -2e-09, 1e-09, -2e-09]),
        ("asin", asin, [-0.75, -1.25, -0.4532761776387939, -1.1323936316053083]),
        ("asin", asin, [0.3, 12.0, 0.024908544585036732, 3.1800946162328283]),
        ("asin", asin, [25.0, 1.0, 1.5307857036816872, 3.912424044613573]),
        ("acos", acos, [0.5, 0.25, 1.0691874735193958, -0.2813960562452928]),
        ("acos", acos, [-1.5, 2.0, 2.1773078449946515, -1.6224941488715938]),
        ("acos", acos, [3.0, -0.125, 0.04416006374763745, 1.7637816499875794]),
        ("acos", acos, [1e-09, -2e-09, 1.5707963257948967, 2e-09]),
        ("acos", acos, [-0.75, -1.25, 2.0240725044336907, 1.1323936316053083]),
        ("acos", acos, [0.3, 12.0, 1.5458877822098598, -3.1800946162328283]),
        ("acos", acos, [25.0, 1.0, 0.04001062311320932, -3.912424044613573]),
        ("atan", atan, [0.5, 0.25, 0.4842544903299662, 0.20058661813123432]),
        ("atan", atan, [-1.5, 2.0, -1.311223269671635, 0.3104282830771958]),
        ("atan", atan, [3.0, -0.125, 1.2495139370554467, -0.012483092187052253]),
        ("atan", atan, [1e-09, -2e-09, 1e-09, -2e-09]),
        ("atan", atan, [-0.75, -1.25, -1.1071487177940904, -0.5493061443340549]),
        ("atan", atan, [0.3, 12.0, 1.5686997565121714, 0.08347426169601571]),
        ("atan", atan, [25.0, 1.0, 1.530881333938778, 0.0015949017410097565]),
        ("asinh", asinh, [0.5, 0.25, 0.4926756834207706, 0.2243284526346675]),
        ("asinh", asinh, [-1.5, 2.0, -1.6004100552346137, 0.8877651461839051]),
        ("asinh", asinh, [3.0, -0.125, 1.819187184014368, -0.03951098165991842]),
        ("asinh", asinh, [1e-09, -2e-09, 1e-09, -2e-09]),
        ("asinh", asinh, [-0.75, -1.25, -1.0317185344477802, -0.9117382909684877]),
        ("asinh", asinh, [0.3, 12.0, 3.1766288632216995, 1.5457143827068185]),
        ("asinh", asinh, [25.0, 1.0, 3.9132202152431503, 0.03994682732185382]),
        ("acosh", acosh, [0.5, 0.25, 0.2813960562452928, 1.0691874735193958]),
        ("acosh", acosh, [-1.5, 2.0, 1.6224941488715938, 2.1773078449946515]),
        ("acosh", acosh, [3.0, -0.125, 1.7637816499875794, -0.04416006374763745]),
        ("acosh", acosh, [1e-09, -2e-09, 2e-09, -1.5707963257948967]),
        ("acosh", acosh, [-0.75, -1.25, 1.1323936316053083, -2.0240725044336907]),
        ("acosh", acosh, [0.3, 12.0, 3.1800946162328283, 1.5458877822098598]),
        ("acosh", acosh, [25.0, 1.0, 3.912424044613573, 0.04001062311320932]),
        ("atanh", atanh, [0.5, 0.25, 0.5003700000525311, 0.3143981432077165]),
        ("atanh", atanh, [-1.5, 2.0, -0.22008968066202292, 1.2452579660726568]),
        ("atanh", atanh, [3.0, -0.125, 0.34584295166932216, -1.555206838512052]),
        ("atanh", atanh, [1e-09, -2e-09, 1e-09, -2e-09]),
        ("atanh", atanh, [-0.75, -1.25, -0.2614921387956719, -0.9968251264639186]),
        ("atanh", atanh, [0.3, 12.0, 0.002067693915096153, 1.4877064309017916]),
        ("atanh", atanh, [25.0, 1.0, 0.03995725160104386, 1.5691963322561964]),
        ("sigmoid", sigmoid, [0.5, 0.25, 0.6242751644199612, 0.05900296431450802]),
        ("sigmoid", sigmoid, [-1.5, 2.0, -0.04984258297024424, 0.234807340416369]),
        ("sigmoid", sigmoid, [3.0, -0.125, 0.9528934015735112, -0.00563636145412579]),
        ("sigmoid", sigmoid, [1e-09, -2e-09, 0.50000000025, -5e-10]),
        ("sigmoid", sigmoid, [-0.75, -1.25, 0.2446230286734523, -0.2947146865855311]),
        ("sigmoid", sigmoid, [0.3, 12.0, 0.5805953596104263, -0.14201118353699207]),
        ("sigmoid", sigmoid, [25.0, 1.0, 0.9999999999924963, 1.1686301800832678e-11]),
        ("sinc", sinc, [0.5, 0.25, 0.674617869500513, -0.3373089347502565]),
        ("sinc", sinc, [-1.5, 2.0, -20.454345881752907, -27.272461175670543]),
        ("sinc", sinc, [3.0, -0.125, -0.0017779913402404392, 0.04267179216577054]),
        ("sinc", sinc, [1e-09, -2e-09, 1.0, 6.579736267392906e-18]),
        ("sinc", sinc, [-0.75, -1.25, -1.3418740177903232, -5.376365480173805]),
        ("sinc", sinc, [0.3, 12.0, 190018107474646.22, -248245035534475.84]),
        ("sinc", sinc, [25.0, 1.0, -0.005872328930311466, -0.14680822325778664]),
    ];
}
