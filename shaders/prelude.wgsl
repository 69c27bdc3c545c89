// Functions of one number that shaders may call: a shader gets those that it names (rust/core/src/device/prelude.rs).
// No bindings; `count()` is the number of invocations, which every shader has. A name with `_i` is the form for integers.
// Each function begins with `fn` at the start of a line and ends with `}` alone on one.

// Constants that are no literals in WGSL: a compiler that folds them calls them errors, so they hang on something that it cannot know.
fn infinity() -> f32 {
    return bitcast<f32>(0x7f800000u | (count() & 0u));
}

fn nan() -> f32 {
    return bitcast<f32>(0x7fc00000u | (count() & 0u));
}

fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn is_nan_i(x: i32) -> bool {
    return false;
}

fn is_inf(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u;
}

fn is_inf_i(x: i32) -> bool {
    return false;
}

fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) < 0x7f800000u;
}

fn is_finite_i(x: i32) -> bool {
    return true;
}

fn sign_bit(x: f32) -> bool {
    return (bitcast<u32>(x) >> 31u) == 1u;
}

fn sign_bit_i(x: i32) -> bool {
    return x < 0;
}

// The greater one; NaN wins.
fn greatest(a: f32, b: f32) -> f32 {
    return select(select(b, a, a > b), select(b, a, is_nan(a)), is_nan(a) || is_nan(b));
}

fn greatest_i(a: i32, b: i32) -> i32 {
    return max(a, b);
}

fn least(a: f32, b: f32) -> f32 {
    return select(select(b, a, a < b), select(b, a, is_nan(a)), is_nan(a) || is_nan(b));
}

fn least_i(a: i32, b: i32) -> i32 {
    return min(a, b);
}

// The greater one; a number beats NaN.
fn greatest_number(a: f32, b: f32) -> f32 {
    return select(select(select(b, a, a > b), a, is_nan(b)), b, is_nan(a));
}

fn greatest_number_i(a: i32, b: i32) -> i32 {
    return max(a, b);
}

fn least_number(a: f32, b: f32) -> f32 {
    return select(select(select(b, a, a < b), a, is_nan(b)), b, is_nan(a));
}

fn least_number_i(a: i32, b: i32) -> i32 {
    return min(a, b);
}

fn sign_of(x: f32) -> f32 {
    return select(0.0, 1.0, x > 0.0) - select(0.0, 1.0, x < 0.0);
}

fn sign_of_i(x: i32) -> i32 {
    return select(0, 1, x > 0) - select(0, 1, x < 0);
}

fn round_of(x: f32) -> f32 {
    return select(round(x), x, abs(x) >= 8388608.0 || is_nan(x));
}

fn round_of_i(x: i32) -> i32 {
    return x;
}

fn floor_of(x: f32) -> f32 {
    return floor(x);
}

fn floor_of_i(x: i32) -> i32 {
    return x;
}

fn ceil_of(x: f32) -> f32 {
    return ceil(x);
}

fn ceil_of_i(x: i32) -> i32 {
    return x;
}

fn trunc_of(x: f32) -> f32 {
    return trunc(x);
}

fn trunc_of_i(x: i32) -> i32 {
    return x;
}

// The remainder of a division towards zero, digit by digit where a quotient is too large to be exact.
fn fmod(a: f32, b: f32) -> f32 {
    if (is_nan(a) || is_nan(b) || is_inf(a) || b == 0.0) {
        return nan();
    }
    if (is_inf(b)) {
        return a;
    }
    var rest = abs(a);
    let by = abs(b);
    for (var k = 0; k < 300 && rest >= by; k++) {
        var step = by;
        if (rest / by >= 8388608.0) {
            step = by * exp2(floor(log2(rest / by)) - 23.0);
            rest -= step * floor(rest / step);
            continue;
        }
        rest = rest - by * floor(rest / by);
        rest = select(rest, rest + by, rest < 0.0);
        rest = select(rest, rest - by, rest >= by);
    }
    return select(rest, -rest, a < 0.0);
}

fn fmod_i(a: i32, b: i32) -> i32 {
    if (b == 0 || b == -1) {
        return 0;
    }
    return a % b;
}

// The remainder of a division towards minus infinity, with the sign of b.
fn remainder(a: f32, b: f32) -> f32 {
    let rest = fmod(a, b);
    return select(rest, rest + b, rest != 0.0 && ((rest < 0.0) != (b < 0.0)));
}

fn remainder_i(a: i32, b: i32) -> i32 {
    if (b == 0 || b == -1) {
        return 0;
    }
    let rest = a % b;
    return select(rest, rest + b, rest != 0 && ((rest < 0) != (b < 0)));
}

fn floor_div(a: f32, b: f32) -> f32 {
    if (b == 0.0 || is_inf(a) || is_nan(a) || is_nan(b)) {
        return a / b;
    }
    let rest = fmod(a, b);
    let quotient = (a - rest) / b - select(0.0, 1.0, rest != 0.0 && ((rest < 0.0) != (b < 0.0)));
    let down = floor(quotient);
    return select(down, down + 1.0, quotient - down > 0.5);
}

fn floor_div_i(a: i32, b: i32) -> i32 {
    if (b == 0) {
        return 0;
    }
    let q = a / b;
    return select(q, q - 1, q * b != a && ((a < 0) != (b < 0)));
}

fn trunc_div(a: f32, b: f32) -> f32 {
    return trunc(a / b);
}

fn trunc_div_i(a: i32, b: i32) -> i32 {
    if (b == 0) {
        return 0;
    }
    return a / b;
}

fn power(a: f32, b: f32) -> f32 {
    if (b == 0.0 || a == 1.0) {
        return 1.0;
    }
    if (is_nan(a) || is_nan(b)) {
        return nan();
    }
    let whole = b == trunc(b);
    let odd = whole && abs(b) < 16777216.0 && (i32(b) & 1) != 0;
    if (whole && abs(b) <= 64.0) {
        // By squaring: exact where the result is.
        var base = select(a, 1.0 / a, b < 0.0);
        var n = i32(abs(b));
        var result = 1.0;
        while (n > 0) {
            result = select(result, result * base, (n & 1) != 0);
            base *= base;
            n >>= 1u;
        }
        return result;
    }
    if (a == 0.0) {
        return select(0.0, infinity(), b < 0.0);
    }
    if (a < 0.0 && !whole && !is_inf(a)) {
        return nan();
    }
    let size = pow(abs(a), b);
    return select(size, -size, a < 0.0 && odd);
}

fn power_i(a: i32, b: i32) -> i32 {
    if (b < 0) {
        return select(select(0, select(1, -1, (b & 1) != 0), a == -1), 1, a == 1);
    }
    var base = a;
    var n = b;
    var result = 1;
    while (n > 0) {
        result = select(result, result * base, (n & 1) != 0);
        base *= base;
        n >>= 1u;
    }
    return result;
}

fn expm1(x: f32) -> f32 {
    if (abs(x) < 0.5) {
        return x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 * (1.0 + x / 6.0 * (1.0 + x / 7.0 * (1.0 + x / 8.0)))))));
    }
    return exp(x) - 1.0;
}

fn log1p(x: f32) -> f32 {
    if (abs(x) < 0.5) {
        let s = x / (2.0 + x);
        let z = s * s;
        return 2.0 * s * (1.0 + z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0 + z * (1.0 / 11.0 + z * (1.0 / 13.0 + z / 15.0)))))));
    }
    return log(1.0 + x);
}

fn tanh_of(x: f32) -> f32 {
    let e = expm1(-2.0 * abs(x));
    let t = -e / (2.0 + e);
    return select(select(t, -t, x < 0.0), x, is_nan(x));
}

fn sinh_of(x: f32) -> f32 {
    let size = abs(x);
    if (size > 20.0) {
        let h = exp(0.5 * size);
        return select(0.5 * h * h, -0.5 * h * h, x < 0.0);
    }
    let e = expm1(size);
    let y = 0.5 * (e + e / (e + 1.0));
    return select(y, -y, x < 0.0);
}

fn cosh_of(x: f32) -> f32 {
    let h = exp(0.5 * abs(x));
    return 0.5 * h * h + 0.5 / (h * h);
}

fn asinh_of(x: f32) -> f32 {
    let size = abs(x);
    if (is_nan(x) || is_inf(x)) {
        return x;
    }
    var y = log(size) + 0.6931471805599453;
    if (size < 1.0e9) {
        y = log1p(size + size * size / (1.0 + sqrt(size * size + 1.0)));
    }
    return select(y, -y, x < 0.0);
}

fn acosh_of(x: f32) -> f32 {
    if (x < 1.0 || is_nan(x)) {
        return nan();
    }
    if (x > 1.0e9) {
        return log(x) + 0.6931471805599453;
    }
    let t = x - 1.0;
    return log1p(t + sqrt(2.0 * t + t * t));
}

fn atanh_of(x: f32) -> f32 {
    let size = abs(x);
    if (size > 1.0 || is_nan(x)) {
        return nan();
    }
    if (size == 1.0) {
        return select(infinity(), -infinity(), x < 0.0);
    }
    let y = 0.5 * log1p(2.0 * size / (1.0 - size));
    return select(y, -y, x < 0.0);
}

fn asin_of(x: f32) -> f32 {
    let size = abs(x);
    if (size > 1.0 || is_nan(x)) {
        return nan();
    }
    let large = size > 0.5;
    let z = select(size * size, 0.5 * (1.0 - size), large);
    let s = select(size, sqrt(z), large);
    let p = ((((4.2163199048e-2 * z + 2.4181311049e-2) * z + 4.5470025998e-2) * z + 7.4953002686e-2) * z + 1.6666752422e-1) * z * s + s;
    let y = select(p, 1.5707963267948966 - 2.0 * p, large);
    return select(y, -y, x < 0.0);
}

fn acos_of(x: f32) -> f32 {
    if (x > 0.5) {
        return 2.0 * asin_of(sqrt(0.5 * (1.0 - x)));
    }
    return 1.5707963267948966 - asin_of(x);
}

fn atan_of(x: f32) -> f32 {
    var size = abs(x);
    var y = 0.0;
    if (size > 2.414213562373095) {
        y = 1.5707963267948966;
        size = -1.0 / size;
    } else if (size > 0.4142135623730950) {
        y = 0.7853981633974483;
        size = (size - 1.0) / (size + 1.0);
    }
    let z = size * size;
    y += (((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z - 3.33329491539e-1) * z * size + size;
    return select(select(y, -y, x < 0.0), x, is_nan(x));
}

fn atan2_of(y: f32, x: f32) -> f32 {
    if (is_nan(x) || is_nan(y)) {
        return nan();
    }
    var angle = 0.0;
    if (is_inf(x) && is_inf(y)) {
        angle = 0.7853981633974483;
    } else if (abs(x) >= abs(y)) {
        angle = select(atan_of(abs(y) / abs(x)), 0.0, y == 0.0);
    } else {
        angle = 1.5707963267948966 - atan_of(abs(x) / abs(y));
    }
    angle = select(angle, 3.141592653589793 - angle, sign_bit(x));
    return select(angle, -angle, sign_bit(y));
}

fn hypot(a: f32, b: f32) -> f32 {
    let large = max(abs(a), abs(b));
    let small = min(abs(a), abs(b));
    if (is_inf(a) || is_inf(b)) {
        return infinity();
    }
    if (large == 0.0 || is_nan(a) || is_nan(b)) {
        return abs(a) + abs(b);
    }
    let r = small / large;
    return large * sqrt(1.0 + r * r);
}

// sin and cos after taking off multiples of pi/2 in three parts; far away, what the device has.
fn sin_of(x: f32) -> f32 {
    if (abs(x) > 10000.0 || is_nan(x)) {
        return select(sin(x), nan(), is_nan(x) || is_inf(x));
    }
    let n = round(x * 0.6366197723675814);
    let r = ((x - n * 1.5703125) - n * 4.837512969970703e-4) - n * 7.54978995489188216e-8;
    return quarter(r, i32(n));
}

fn cos_of(x: f32) -> f32 {
    if (abs(x) > 10000.0 || is_nan(x)) {
        return select(cos(x), nan(), is_nan(x) || is_inf(x));
    }
    let n = round(x * 0.6366197723675814);
    let r = ((x - n * 1.5703125) - n * 4.837512969970703e-4) - n * 7.54978995489188216e-8;
    return quarter(r, i32(n) + 1);
}

// sin(r + n pi/2) for |r| <= pi/4.
fn quarter(r: f32, n: i32) -> f32 {
    let z = r * r;
    let s = ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * r + r;
    let c = ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z - 0.5 * z + 1.0;
    let y = select(s, c, (n & 1) != 0);
    return select(y, -y, (n & 2) != 0);
}

fn tan_of(x: f32) -> f32 {
    return sin_of(x) / cos_of(x);
}

fn sigmoid(x: f32) -> f32 {
    return 1.0 / (1.0 + exp(-x));
}

// log(1 + e^x)
fn softplus_of(x: f32) -> f32 {
    return select(max(x, 0.0) + log1p(exp(-abs(x))), x, is_nan(x));
}

fn erf(x: f32) -> f32 {
    let a = abs(x);
    if (a < 1.0) {
        let z = x * x;
        return x * (1.128379167095513 + z * (-0.376126389031838 + z * (0.112837916709551 + z * (-0.026866170645131 + z * (0.005223977625442 + z * (-0.000854832702345 + z * (0.000120553329817 + z * (-0.000014925650358 + z * 0.000001646211437))))))));
    }
    let y = 1.0 - erfc_tail(a);
    return select(select(y, -y, x < 0.0), x, is_nan(x));
}

// erfc of a number >= 0 by a fit of exponentials: relative error below 1.2e-7.
fn erfc_tail(a: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.5 * a);
    return t * exp(-a * a - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)))))))));
}

fn erfc(x: f32) -> f32 {
    if (abs(x) < 0.5 || is_nan(x)) {
        return 1.0 - erf(x);
    }
    let y = erfc_tail(abs(x));
    return select(y, 2.0 - y, x < 0.0);
}

fn erfinv(x: f32) -> f32 {
    if (abs(x) > 1.0 || is_nan(x)) {
        return nan();
    }
    if (abs(x) == 1.0) {
        return x * infinity();
    }
    var w = -log1p(-x * x);
    var p = 0.0;
    if (w < 5.0) {
        w -= 2.5;
        p = 2.81022636e-08;
        p = 3.43273939e-07 + p * w;
        p = -3.5233877e-06 + p * w;
        p = -4.39150654e-06 + p * w;
        p = 0.00021858087 + p * w;
        p = -0.00125372503 + p * w;
        p = -0.00417768164 + p * w;
        p = 0.246640727 + p * w;
        p = 1.50140941 + p * w;
    } else {
        w = sqrt(w) - 3.0;
        p = -0.000200214257;
        p = 0.000100950558 + p * w;
        p = 0.00134934322 + p * w;
        p = -0.00367342844 + p * w;
        p = 0.00573950773 + p * w;
        p = -0.0076224613 + p * w;
        p = 0.00943887047 + p * w;
        p = 1.00167406 + p * w;
        p = 2.83297682 + p * w;
    }
    return p * x;
}

// The normal distribution function.
fn ndtr(x: f32) -> f32 {
    return 0.5 * erfc(-x * 0.7071067811865476);
}

fn digamma(value: f32) -> f32 {
    var x = value;
    if (x == 0.0) {
        return select(-infinity(), infinity(), sign_bit(x));
    }
    var y = 0.0;
    if (x < 0.0) {
        if (x == floor(x)) {
            return nan();
        }
        let rest = x - floor(x);
        y = -3.141592653589793 / tan_of(3.141592653589793 * rest);
        x = 1.0 - x;
    }
    while (x < 10.0) {
        y -= 1.0 / x;
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    return y + log(x) - 0.5 / x - z * (1.0 / 12.0 - z * (1.0 / 120.0 - z * (1.0 / 252.0 - z / 240.0)));
}

fn lgamma(value: f32) -> f32 {
    if (is_nan(value)) {
        return value;
    }
    if (is_inf(value) || (value <= 0.0 && value == floor(value))) {
        return infinity();
    }
    var x = select(value, 1.0 - value, value < 0.0);
    var product = 1.0;
    while (x < 8.0) {
        product *= x;
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    let y = (x - 0.5) * log(x) - x + 0.9189385332046727 + (1.0 / 12.0 - z * (1.0 / 360.0 - z / 1260.0)) / x - log(product);
    if (value < 0.0) {
        let rest = value - floor(value);
        return 1.1447298858494002 - log(abs(sin_of(3.141592653589793 * rest))) - y;
    }
    return y;
}

fn gcd_i(a: i32, b: i32) -> i32 {
    var x = abs(a);
    var y = abs(b);
    while (y != 0) {
        let rest = x % y;
        x = y;
        y = rest;
    }
    return x;
}

fn gcd(a: f32, b: f32) -> f32 {
    return 0.0;
}

// Four random words for element `index`, draw `draw`, by Philox 4x32-10: `state` is key (two words) and offset (two words).
fn philox(index: u32, draw: u32, state: vec4<u32>) -> vec4<u32> {
    let low = state.z + draw;
    let high = state.w + select(0u, 1u, low < draw);
    var c = vec4<u32>(low, high, index, 0u);
    var k = state.xy;
    for (var round = 0; round < 10; round++) {
        let a = wide_product(0xD2511F53u, c.x);
        let b = wide_product(0xCD9E8D57u, c.z);
        c = vec4<u32>(b.y ^ c.y ^ k.x, b.x, a.y ^ c.w ^ k.y, a.x);
        k += vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

// The 64 bits of a product: low word, high word.
fn wide_product(a: u32, b: u32) -> vec2<u32> {
    let al = a & 0xffffu;
    let ah = a >> 16u;
    let bl = b & 0xffffu;
    let bh = b >> 16u;
    let low = al * bl;
    let m1 = ah * bl + (low >> 16u);
    let m2 = al * bh + (m1 & 0xffffu);
    return vec2<u32>((m2 << 16u) | (low & 0xffffu), ah * bh + (m1 >> 16u) + (m2 >> 16u));
}

// A word as a number in [0, 1).
fn unit(word: u32) -> f32 {
    return f32(word >> 8u) * 5.9604644775390625e-8;
}

// Two words as a number of the standard normal distribution.
fn gauss(a: u32, b: u32) -> f32 {
    let u = (f32(a >> 8u) + 1.0) * 5.9604644775390625e-8;
    return sqrt(-2.0 * log(u)) * cos_of(6.283185307179586 * unit(b));
}

// The natural logarithm; of numbers near 1 by log1p, where that of some devices is rough.
fn log_of(x: f32) -> f32 {
    if (x > 0.75 && x < 1.5) {
        return log1p(x - 1.0);
    }
    if (x < 0.0 || is_nan(x)) {
        return nan();
    }
    if (x == 0.0) {
        return -infinity();
    }
    return select(log(x), x, is_inf(x));
}

fn logit(a: f32, eps: f32) -> f32 {
    let x = select(min(max(a, eps), 1.0 - eps), a, eps < 0.0 || is_nan(a));
    return log_of(x / (1.0 - x));
}

fn gelu_tanh_slope(x: f32) -> f32 {
    let s = sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x));
    return s + 2.0 * x * s * (1.0 - s) * 0.7978845608028654 * (1.0 + 3.0 * 0.044715 * x * x);
}
