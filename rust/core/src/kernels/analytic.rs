//! The functions of analysis on all types that have them: floats through [`Real`], complex numbers through [`complex`].

use super::isa::Isa;
use super::math::{Real, complex};
use crate::dtype::{Complex, Num};

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
