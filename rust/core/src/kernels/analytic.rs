//! Functions that exist on several kinds of numbers, so that one row of a table serves them all: those of analysis on floats
//! (through [`Real`]) and complex numbers, and rounding, division and powers on floats and integers.

use super::isa::Isa;
use super::math::{Real, complex};
use crate::dtype::{Complex, Num, Ordered};

macro_rules! analytic {
    ($($name:ident),*) => {
        pub trait Analytic<I: Isa>: Num {
            $(fn $name(self) -> Self;)*
            fn pow(self, exponent: Self) -> Self;
        }
        impl<I: Isa> Analytic<I> for f32 {
            $(#[inline(always)] fn $name(self) -> Self { Real::<I>::$name(self) })*
            #[inline(always)]
            fn pow(self, exponent: Self) -> Self { Real::<I>::pow(self, exponent) }
        }
        impl<I: Isa> Analytic<I> for f64 {
            $(#[inline(always)] fn $name(self) -> Self { Real::<I>::$name(self) })*
            #[inline(always)]
            fn pow(self, exponent: Self) -> Self { Real::<I>::pow(self, exponent) }
        }
        /// Complex functions are rare and long: calls, shared by all instruction sets.
        impl<I: Isa> Analytic<I> for Complex<f64> {
            $(#[inline(always)] fn $name(self) -> Self { complex::$name(self) })*
            #[inline(always)]
            fn pow(self, exponent: Self) -> Self { complex::pow(self, exponent) }
        }
    };
}
analytic!(
    exp, exp2, expm1, log, log2, log10, log1p, sqrt, rsqrt, sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, asinh, acosh,
    atanh, sigmoid, silu
);

/// Rounding, and division as Python and C have it.
pub trait Division<I: Isa>: Ordered {
    fn floor(self) -> Self;
    fn ceil(self) -> Self;
    fn trunc(self) -> Self;
    fn round(self) -> Self;
    fn abs(self) -> Self;
    /// The sign of the dividend.
    fn fmod(self, by: Self) -> Self;
    /// The sign of the divisor.
    fn remainder(self, by: Self) -> Self;
    /// ⌊a / b⌋, as Python computes it: exact where the quotient is not.
    fn floor_div(self, by: Self) -> Self;
    fn trunc_div(self, by: Self) -> Self;
    fn power(self, exponent: Self) -> Self;
}

impl<I: Isa> Division<I> for i64 {
    #[inline(always)]
    fn floor(self) -> i64 {
        self
    }
    #[inline(always)]
    fn ceil(self) -> i64 {
        self
    }
    #[inline(always)]
    fn trunc(self) -> i64 {
        self
    }
    #[inline(always)]
    fn round(self) -> i64 {
        self
    }
    #[inline(always)]
    fn abs(self) -> i64 {
        self.wrapping_abs()
    }
    #[inline(always)]
    fn fmod(self, by: i64) -> i64 {
        if by == 0 { 0 } else { self.wrapping_rem(by) }
    }
    #[inline(always)]
    fn remainder(self, by: i64) -> i64 {
        let rest = Division::<I>::fmod(self, by);
        if rest != 0 && (rest < 0) != (by < 0) { rest + by } else { rest }
    }
    #[inline(always)]
    fn floor_div(self, by: i64) -> i64 {
        let quotient = self.divide(by);
        if by != 0 && self.wrapping_rem(by) != 0 && (self < 0) != (by < 0) { quotient - 1 } else { quotient }
    }
    #[inline(always)]
    fn trunc_div(self, by: i64) -> i64 {
        self.divide(by)
    }
    /// Wraps; a negative exponent leaves 1, ±1 or 0.
    #[inline(always)]
    fn power(self, exponent: i64) -> i64 {
        if exponent < 0 {
            return match self {
                1 => 1,
                -1 => if exponent % 2 == 0 { 1 } else { -1 },
                _ => 0,
            };
        }
        let (mut base, mut left, mut result) = (self, exponent as u64, 1i64);
        while left > 0 {
            if left & 1 == 1 {
                result = result.wrapping_mul(base);
            }
            base = base.wrapping_mul(base);
            left >>= 1;
        }
        result
    }
}

macro_rules! division {
    ($($t:ty),*) => {$(
        impl<I: Isa> Division<I> for $t {
            #[inline(always)]
            fn floor(self) -> $t { Real::<I>::floor(self) }
            #[inline(always)]
            fn ceil(self) -> $t { Real::<I>::ceil(self) }
            #[inline(always)]
            fn trunc(self) -> $t { Real::<I>::trunc(self) }
            #[inline(always)]
            fn round(self) -> $t { Real::<I>::round(self) }
            #[inline(always)]
            fn abs(self) -> $t { Real::<I>::abs(self) }
            #[inline(always)]
            fn fmod(self, by: $t) -> $t { Real::<I>::fmod(self, by) }
            #[inline(always)]
            fn remainder(self, by: $t) -> $t { Real::<I>::remainder(self, by) }
            #[inline(always)]
            fn floor_div(self, by: $t) -> $t {
                let plain = self / by;
                let rest = Real::<I>::fmod(self, by);
                let exact = (self - rest) / by;
                let exact = if rest != 0.0 && (rest < 0.0) != (by < 0.0) { exact - 1.0 } else { exact };
                let floor = Real::<I>::floor(exact);
                let floor = if exact - floor > 0.5 { floor + 1.0 } else { floor };
                let floor = if exact == 0.0 { (0.0 as $t).copysign(plain) } else { floor };
                if by == 0.0 { plain } else { floor }
            }
            #[inline(always)]
            fn trunc_div(self, by: $t) -> $t { Real::<I>::trunc(self / by) }
            #[inline(always)]
            fn power(self, exponent: $t) -> $t { Real::<I>::pow(self, exponent) }
        }
    )*};
}
division!(f32, f64);
