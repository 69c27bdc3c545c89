//! The functions of analysis on all types that have them: floats through [`Real`], complex numbers by formulas of their own.

use super::isa::Isa;
use super::math::Real;
use crate::dtype::{Complex, Num};

pub trait Analytic<I: Isa>: Num {
    fn exp(self) -> Self;
    fn log(self) -> Self;
    fn log1p(self) -> Self;
    fn tanh(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn sqrt(self) -> Self;
    fn sigmoid(self) -> Self;
}

macro_rules! analytic {
    ($t:ty: $($name:ident),*) => {
        impl<I: Isa> Analytic<I> for $t {
            $(#[inline(always)] fn $name(self) -> Self { Real::<I>::$name(self) })*
        }
    };
}
analytic!(f32: exp, log, log1p, tanh, sin, cos, sqrt, sigmoid);
analytic!(f64: exp, log, log1p, tanh, sin, cos, sqrt, sigmoid);

type C = Complex<f64>;

impl<I: Isa> Analytic<I> for C {
    #[inline(always)]
    fn exp(self) -> C {
        let r = self.re.exp();
        if self.im == 0.0 { C::new(r, self.im) } else { C::new(r * self.im.cos(), r * self.im.sin()) }
    }
    #[inline(always)]
    fn log(self) -> C {
        C::new(self.re.hypot(self.im).ln(), self.im.atan2(self.re))
    }
    #[inline(always)]
    fn log1p(self) -> C {
        Analytic::<I>::log(self + C::ONE)
    }
    #[inline(always)]
    fn tanh(self) -> C {
        let (s, c) = (2.0 * self.re, 2.0 * self.im);
        if s.abs() > 40.0 {
            return C::new(1f64.copysign(s), 0f64.copysign(c.sin()));
        }
        let d = s.cosh() + c.cos();
        C::new(s.sinh() / d, c.sin() / d)
    }
    #[inline(always)]
    fn sin(self) -> C {
        C::new(self.re.sin() * self.im.cosh(), self.re.cos() * self.im.sinh())
    }
    #[inline(always)]
    fn cos(self) -> C {
        C::new(self.re.cos() * self.im.cosh(), -self.re.sin() * self.im.sinh())
    }
    #[inline(always)]
    fn sqrt(self) -> C {
        let r = self.re.hypot(self.im);
        if r == 0.0 {
            return C::new(0.0, self.im);
        }
        let t = ((r + self.re.abs()) * 0.5).sqrt();
        if self.re >= 0.0 {
            C::new(t, self.im / (2.0 * t))
        } else {
            C::new(self.im.abs() / (2.0 * t), t.copysign(self.im))
        }
    }
    #[inline(always)]
    fn sigmoid(self) -> C {
        C::ONE / (C::ONE + Analytic::<I>::exp(-self))
    }
}
