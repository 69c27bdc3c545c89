//! Activations and other functions of one tensor with constants of their own: rows of the unary and binary tables. Where the
//! gradient is more than a product it is one op, `…_backward(g, x)`, with a derivative of its own.

use super::binary::{Operand, SigmoidBackward, binary, common_dtype};
use super::term::Term;
use super::ternary::where_op;
use crate::autograd::Ctx;
use crate::dispatch;
use crate::dtype::{Constant, DType, Ordered};
use crate::error::Result;
use crate::kernels::analytic::Analytic;
use crate::kernels::isa::Isa;
use crate::kernels::map::{self, Dense, Function, Pointwise};
use crate::kernels::math::Real;
use crate::layout::broadcast;
use crate::op::{Grads, Inputs, Keep, Metas, Op, Out, deliver, new};
use crate::tensor::Tensor;
use smallvec::smallvec;

unary! {
    [ACTIVATIONS]

    /// 1 / (1 + e⁻ˣ)
    analytic Sigmoid = sigmoid: |_, x| x.sigmoid(); "sigmoid(a)"; |g, output y| g.with(SigmoidBackward {}, y);

    /// x · sigmoid(x)
    analytic Silu = silu: |_, x| x.silu(); "a * sigmoid(a)"; |g, input x| g.with(SiluBackward {}, x);

    /// max(x, 0), with gradient 0 at 0. NaN stays NaN.
    order Relu = relu: |_, x| if x > T::ZERO || x.is_nan() { x } else { T::ZERO }; "select(a, zero, a <= zero)"; |g, output y| g.with(ReluBackward {}, y);

    /// x where it is above the threshold, else the value.
    order Threshold { threshold: f64, value: f64 } = threshold:
        |op, x| if x <= T::of_f64(op.threshold) { T::of_f64(op.value) } else { x }; "select(a, {value}, a <= {threshold})";
        |g, input x| g * x.above(op.threshold);

    /// x where it is positive, negative_slope · x elsewhere.
    order LeakyRelu { negative_slope: f64 } = leaky_relu:
        |op, x| if x > T::ZERO { x } else { x * T::of_f64(op.negative_slope) };
        "select(a * {negative_slope}, a, a > 0)";
        |g, input x| g * (x.positive_mask() * (1.0 - op.negative_slope) + op.negative_slope);

    /// x between two bounds.
    order Hardtanh { min_val: f64, max_val: f64 } = hardtanh:
        |op, x| { let (low, high) = (T::of_f64(op.min_val), T::of_f64(op.max_val)); let x = if x < low { low } else { x }; if x > high { high } else { x } };
        "least(greatest(a, {min_val}), {max_val})";
        |g, input x| g.unless(&(x.then(|x| x.le(op.min_val)) + x.then(|x| x.ge(op.max_val))));

    /// x between two bounds, which belong to it.
    order ClampScalars { min: Constant, max: Constant } = clamp_scalars as "clamp":
        |op, x| { let (low, high) = (op.min.to::<T>(), op.max.to::<T>()); let x = if x < low || low.is_nan() { low } else { x }; if x > high || high.is_nan() { high } else { x } };
        "least(greatest(a, {min}), {max})";
        |g, input x| g * (x.then(|x| x.ge(op.min.scalar)) * x.then(|x| x.le(op.max.scalar)));

    /// clamp(x + 3, 0, 6) / 6
    real Hardsigmoid = hardsigmoid: |_, x| (x + T::of_f64(3.0)).between(0.0, 6.0) / T::of_f64(6.0); "least(greatest(a + 3.0, 0.0), 6.0) / 6.0";
        |g, input x| g * (x.above(-3.0) * x.below(3.0)) * (1.0 / 6.0);

    /// x · clamp(x + 3, 0, 6) / 6
    real Hardswish = hardswish: |_, x| x * (x + T::of_f64(3.0)).between(0.0, 6.0) / T::of_f64(6.0); "a * least(greatest(a + 3.0, 0.0), 6.0) / 6.0";
        |g, input x| g * (x.then(|x| x.ge(3.0)) + x.above(-3.0) * x.below(3.0) * (x * (1.0 / 3.0) + 0.5));

    /// `scale · x` for x > 0, `scale · alpha · (exp(input_scale · x) − 1)` elsewhere.
    real Elu { alpha: f64, scale: f64, input_scale: f64 } = elu:
        |op, x| if x > T::ZERO || x.is_nan() { x * T::of_f64(op.scale) } else { (x * T::of_f64(op.input_scale)).expm1() * T::of_f64(op.alpha * op.scale) };
        "select(expm1(a * {input_scale}) * ({alpha} * {scale}), {scale} * a, a > 0.0 || is_nan(a))";
        |g, input x| g * (x.positive_mask() * op.scale
            + x.then(|x| x.le(0.0)) * (x.then(|x| at_most(x.into(), 0.0.into(), Out::New)) * op.input_scale).exp() * (op.alpha * op.scale * op.input_scale));

    /// x · Φ(x), with the normal distribution's Φ.
    real Gelu = gelu_erf as "gelu": |_, x| x.gelu(); "a * ndtr(a)"; |g, input x| g.with(GeluBackward {}, x);

    /// gelu with the tanh approximation of Φ.
    real GeluTanh = gelu_tanh as "gelu": |_, x| x.gelu_tanh(); "a * sigmoid(1.5957691216057308 * (a + 0.044715 * a * a * a))";
        |g, input x| g.with(GeluTanhBackward {}, x);

    /// x · tanh(softplus(x))
    real Mish = mish: |_, x| x * x.softplus().tanh(); "a * tanh_of(softplus_of(a))"; |g, input x| {
        let t = &x.then(|x| softplus(x, 1.0, 20.0, Out::New)).tanh();
        g * (t + x * x.sigmoid() * (1.0 - t * t))
    };

    /// log(1 + exp(beta · x)) / beta, x itself where beta · x is above the threshold.
    real Softplus { beta: f64, threshold: f64 } = softplus:
        |op, x| { let z = x * T::of_f64(op.beta); if z > T::of_f64(op.threshold) { x } else { z.softplus() / T::of_f64(op.beta) } };
        "select(softplus_of(a * {beta}) / {beta}, a, a * {beta} > {threshold})";
        |g, input x| g * x.then(|x| where_op((&x.mul(op.beta)?.gt(op.threshold)?).into(), 1.0.into(), (&x.mul(op.beta)?.sigmoid()?).into(), Out::New));

    /// log(sigmoid(x))
    real LogSigmoid = log_sigmoid: |_, x| x.log_sigmoid(); "-softplus_of(-a)"; |g, input x| g * (-x).sigmoid();

    /// x where |x| > lambd, else 0.
    real Hardshrink { lambd: f64 } = hardshrink: |op, x| if x.abs() <= T::of_f64(op.lambd) { T::ZERO } else { x };
        "select(a, 0.0, abs(a) <= {lambd})"; |g, input x| g.unless(&x.then(Tensor::abs).then(|a| a.le(op.lambd)));

    /// x drawn towards zero by lambd.
    real Softshrink { lambd: f64 } = softshrink:
        |op, x| { let l = T::of_f64(op.lambd); if x > l { x - l } else if x < -l { x + l } else { x * T::ZERO } };
        "select(select(a * 0.0, a + {lambd}, a < -{lambd}), a - {lambd}, a > {lambd})"; |g, input x| g.unless(&x.then(Tensor::abs).then(|a| a.le(op.lambd)));

    /// log(x / (1 − x)), with x kept in [eps, 1 − eps] if eps is not negative.
    real Logit { eps: f64 } = logit_within as "logit": |op, x| if op.eps < 0.0 { x.logit() } else { x.between(op.eps, 1.0 - op.eps).logit() };
        "logit(a, {eps})"; |g, input x| {
            let inside = x.then(|x| x.ge(if op.eps < 0.0 { 0.0 } else { op.eps })) * x.then(|x| x.le(if op.eps < 0.0 { 1.0 } else { 1.0 - op.eps }));
            let slope = g / (x * (1.0 - x));
            let outside = if op.eps < 0.0 { f64::NAN } else { 0.0 };
            Term((|| where_op((inside.get()?).into(), (slope.get()?).into(), outside.into(), Out::New))())
        };

    /// x > bound
    test_order Above { bound: f64 } = above: |op, x| x > T::of_f64(op.bound); "a > {bound}";
    /// x < bound
    test_order Below { bound: f64 } = below: |op, x| x < T::of_f64(op.bound); "a < {bound}";
}

/// Clamping between floats.
trait Between<I: Isa>: Real<I> {
    #[inline(always)]
    fn between(self, low: f64, high: f64) -> Self {
        let (low, high) = (Self::of_f64(low), Self::of_f64(high));
        let x = if self < low { low } else { self };
        if x > high { high } else { x }
    }
}
impl<I: Isa, T: Real<I>> Between<I> for T {}

binary! {
    [ACTIVATIONS_BINARY]

    /// g where y > 0.
    order ReluBackward = relu_backward: |_, g, y| if y <= T::ZERO { T::ZERO } else { g }; "select(a, zero, b <= zero)"; {
        left |v, right y| v.with(ReluBackward {}, y);
        right |v| v * 0.0;
    }

    /// `g · s · (1 + x · (1 − s))` with s = sigmoid(x).
    analytic SiluBackward = silu_backward: |_, g, x| {
            let s = x.sigmoid();
            g * s * (T::ONE + x * (T::ONE - s))
        }; "a * sigmoid(b) * (1.0 + b * (1.0 - sigmoid(b)))"; {
        left |v, right x| v.with(SiluBackward {}, x);
        right |v, left g, right x| {
            let s = &x.sigmoid();
            let slope = &(s * (1.0 - s));
            v * g * (slope * (2.0 + x * (1.0 - 2.0 * s)))
        };
    }

    /// `g · (Φ(x) + x · φ(x))`
    real GeluBackward = gelu_backward: |_, g, x| g * (x.ndtr() + x * x.normal_pdf()); "a * (ndtr(b) + b * 0.3989422804014327 * exp(-0.5 * b * b))"; {
        left |v, right x| v.with(GeluBackward {}, x);
        right |v, left g, right x| v * g * ((2.0 - x * x) * (-0.5 * (x * x)).exp() * 0.398_942_280_401_432_7);
    }

    /// The gradient of the tanh form of gelu.
    real GeluTanhBackward = gelu_tanh_backward: |_, g, x| {
            let (c, k, square) = (T::of_f64(GELU), T::of_f64(0.044715), x * x);
            let t = (c * (x + k * square * x)).tanh();
            let half = T::of_f64(0.5);
            g * (half * (T::ONE + t) + half * x * (T::ONE - t * t) * c * (T::ONE + T::of_f64(3.0) * k * square))
        }; "a * gelu_tanh_slope(b)"; {
        left |v, right x| v.with(GeluTanhBackward {}, x);
        right |v, left g, right x| {
            let square = &(x * x);
            let t = &((x + 0.044715 * (square * x)) * GELU).tanh();
            let slope = &((1.0 + 3.0 * 0.044715 * square) * GELU);
            let sech = &(1.0 - t * t);
            v * g * (sech * slope + 0.5 * x * sech * (6.0 * 0.044715 * GELU * x - 2.0 * (t * slope * slope)))
        };
    }

    /// max(a, b) where a keeps the gradient of a tie; a bound that is NaN wins.
    order AtLeast = at_least as "clamp_min": |_, a, b| if a < b || b.is_nan() { b } else { a }; "greatest(a, b)"; {
        left |g, left a, right b| g * a.ge(b);
        right |g, left a, right b| g * b.gt(a);
    }

    /// min(a, b) where a keeps the gradient of a tie; a bound that is NaN wins.
    order AtMost = at_most as "clamp_max": |_, a, b| if a > b || b.is_nan() { b } else { a }; "least(a, b)"; {
        left |g, left a, right b| g * a.le(b);
        right |g, left a, right b| g * a.gt(b);
    }

    /// x where it is positive, weight · x elsewhere.
    order Prelu = prelu_kernel as "prelu": |_, x, w| if x > T::ZERO { x } else { x * w }; "select(a * b, a, a > 0)"; {
        left |g, left x, right w| g * (x.positive_mask() + x.then(|x| x.le(0.0)) * w);
        right |g, left x| g * (x * x.then(|x| x.le(0.0)));
    }
}

/// √(2 / π)
const GELU: f64 = 0.797_884_560_802_865_4;

/// x · Φ(x), exact or by tanh.
pub fn gelu(x: &Tensor, approximate: &str, out: Out) -> Result<Tensor> {
    match approximate {
        "none" => gelu_erf(x, out),
        "tanh" => gelu_tanh(x, out),
        other => Err(crate::error::Error::argument(
            "gelu",
            "approximate argument to be either none or tanh",
            format!("'{other}'"),
        )),
    }
}

/// log(x / (1 − x)).
pub fn logit(x: &Tensor, eps: Option<f64>, out: Out) -> Result<Tensor> {
    logit_within(x, eps.unwrap_or(-1.0), out)
}

/// x where it is positive, weight · x elsewhere: one weight, or one for each channel (dimension 1).
pub fn prelu(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let channels = if x.ndim() >= 2 { x.shape()[1] } else { 1 };
    if weight.ndim() > 1 || (weight.numel() != 1 && weight.numel() != channels) {
        let expected = format!(
            "a weight with one element, or one for each of {channels} channels of an input of shape {:?}",
            x.shape()
        );
        return Err(crate::error::Error::shape("prelu", expected, weight.shape()));
    }
    let mut shape = crate::layout::Shape::from_elem(1, x.ndim());
    if weight.numel() != 1 {
        shape[1] = channels;
    }
    prelu_kernel(x.into(), (&weight.reshape(&shape)?).into(), Out::New)
}

/// a · sigmoid(b) for the halves a and b along `dim`.
pub fn glu(x: &Tensor, dim: i64) -> Result<Tensor> {
    use crate::error::Error;
    if x.ndim() == 0 {
        return Err(Error::custom("glu", "glu does not support 0-dimensional tensors"));
    }
    let d = x.layout().dim("glu", dim)?;
    let size = x.shape()[d];
    if size % 2 == 1 {
        return Err(Error::custom("glu", format!("Halving dimension must be even, but dimension {d} is size {size}")));
    }
    x.narrow(d as i64, 0, size / 2)?.mul(&x.narrow(d as i64, size / 2, size / 2)?.sigmoid()?)
}
