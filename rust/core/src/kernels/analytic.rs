//! Functions that exist on several kinds of numbers, so that one row of a table serves them all: those of analysis on floats
//! (through [`Real`]) and complex numbers (through [`complex`]), and rounding, division and powers on floats and integers.

use super::isa::Isa;
use super::math::{Real, complex};
use crate::dtype::{Complex, Num, Ordered};

macro_rules! analytic {
    (whole { $($(#[$doc:meta])* $name:ident($($arg:ident),*);)* } fast { $($fast:ident = $whole:ident;)* }) => {
        /// See [`Real`] for what is not said here.
        pub trait Analytic<I: Isa>: Num {
            $($(#[$doc])* fn $name(self $(, $arg: Self)*) -> Self;)*
            $(
                /// The piece that vectorises, right where `trig_rare` is false.
                fn $fast(self) -> Self;
            )*
            fn trig_rare(self) -> bool;
        }
        analytic!(@real f32 [$($name($($arg),*))*] [$($fast)*]);
        analytic!(@real f64 [$($name($($arg),*))*] [$($fast)*]);
        impl<I: Isa> Analytic<I> for Complex<f64> {
            $(#[inline(always)] fn $name(self $(, $arg: Self)*) -> Self { complex::$name(self $(, $arg)*) })*
            $(#[inline(always)] fn $fast(self) -> Self { complex::$whole(self) })*
            #[inline(always)]
            fn trig_rare(self) -> bool { false }
        }
    };
    (@real $t:ident [$($name:ident($($arg:ident),*))*] [$($fast:ident)*]) => {
        impl<I: Isa> Analytic<I> for $t {
            $(#[inline(always)] fn $name(self $(, $arg: Self)*) -> Self { Real::<I>::$name(self $(, $arg)*) })*
            $(#[inline(always)] fn $fast(self) -> Self { Real::<I>::$fast(self) })*
            #[inline(always)]
            fn trig_rare(self) -> bool { Real::<I>::trig_rare(self) }
        }
    };
}
analytic! {
    whole {
        exp(); exp2(); expm1(); log(); log2(); log10(); log1p(); sqrt(); rsqrt(); reciprocal(); sigmoid(); silu(); pow(y);
        sin(); cos(); tan(); asin(); acos(); atan(); sinc();
        sinh(); cosh(); tanh(); asinh(); acosh(); atanh();
    }
    fast { sin_fast = sin; cos_fast = cos; tan_fast = tan; }
}

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
    /// The pieces of fmod and remainder that vectorise, right where `fmod_rare` is false.
    fn fmod_fast(self, by: Self) -> Self {
        self.fmod(by)
    }
    fn remainder_fast(self, by: Self) -> Self {
        self.remainder(by)
    }
    fn fmod_rare(self, _by: Self) -> bool {
        false
    }
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
                -1 => {
                    if exponent % 2 == 0 {
                        1
                    } else {
                        -1
                    }
                }
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
            #[inline(always)]
            fn fmod_fast(self, by: $t) -> $t { Real::<I>::fmod_fast(self, by) }
            #[inline(always)]
            fn remainder_fast(self, by: $t) -> $t { Real::<I>::remainder_fast(self, by) }
            #[inline(always)]
            fn fmod_rare(self, by: $t) -> bool { Real::<I>::fmod_rare(self, by) }
        }
    )*};
}
division!(f32, f64);
