//! Activations.

use crate::call::table;
use crate::core::Out;
use rushlight::ops::activation as a;
use rushlight::{Error, Result, Tensor};

const ALPHA: f64 = 1.673_263_242_354_377_3;
const SCALE: f64 = 1.050_700_987_355_480_5;

fn celu(x: &Tensor, alpha: f64, out: Out) -> Result<Tensor> {
    if alpha == 0.0 {
        return Err(Error::custom("celu", "ZeroDivisionError: alpha cannot be 0 for CELU"));
    }
    a::elu(x, alpha, 1.0, 1.0 / alpha, out)
}

table! {
    /// x where it is positive, weight · x elsewhere; one weight, or one for each channel (dim 1).
    fn method: "prelu(Tensor self, Tensor weight) -> Tensor" => a::prelu;
    /// x where it is above `threshold`, else `value`.
    fn: "threshold(Tensor self, float threshold, float value, *, Tensor? out=None) -> Tensor" => a::threshold;
    /// `threshold` in place.
    fn: "threshold_(Tensor self, float threshold, float value) -> Tensor"
        => |x: &Tensor, threshold: f64, value: f64| a::threshold(x, threshold, value, Out::InPlace(x));
    /// x · sigmoid(x).
    nn: "silu(Tensor self, *, Tensor? out=None) -> Tensor" => a::silu;
    /// `silu` in place.
    nn: "silu_(Tensor self) -> Tensor" => |x: &Tensor| a::silu(x, Out::InPlace(x));
    /// x · tanh(softplus(x)).
    nn: "mish(Tensor self, *, Tensor? out=None) -> Tensor" => a::mish;
    /// `mish` in place.
    nn: "mish_(Tensor self) -> Tensor" => |x: &Tensor| a::mish(x, Out::InPlace(x));
    /// clamp(x + 3, 0, 6) / 6.
    nn: "hardsigmoid(Tensor self, *, Tensor? out=None) -> Tensor" => a::hardsigmoid;
    /// `hardsigmoid` in place.
    nn: "hardsigmoid_(Tensor self) -> Tensor" => |x: &Tensor| a::hardsigmoid(x, Out::InPlace(x));
    /// x · clamp(x + 3, 0, 6) / 6.
    nn: "hardswish(Tensor self, *, Tensor? out=None) -> Tensor" => a::hardswish;
    /// `hardswish` in place.
    nn: "hardswish_(Tensor self) -> Tensor" => |x: &Tensor| a::hardswish(x, Out::InPlace(x));
    /// x where it is positive, negative_slope · x elsewhere.
    nn: "leaky_relu(Tensor self, float negative_slope=0.01, *, Tensor? out=None) -> Tensor" => a::leaky_relu;
    /// `leaky_relu` in place.
    nn:
        "leaky_relu_(Tensor self, float negative_slope=0.01) -> Tensor" => |x: &Tensor, slope: f64| a::leaky_relu(x, slope, Out::InPlace(x));
    /// x between two bounds.
    nn: "hardtanh(Tensor self, float min_val=-1, float max_val=1, *, Tensor? out=None) -> Tensor" => a::hardtanh;
    /// `hardtanh` in place.
    nn:
        "hardtanh_(Tensor self, float min_val=-1, float max_val=1) -> Tensor" => |x: &Tensor, low: f64, high: f64| a::hardtanh(x, low, high, Out::InPlace(x));
    /// scale · x for x > 0, scale · alpha · (exp(input_scale · x) − 1) elsewhere.
    nn:
        "elu(Tensor self, float alpha=1, float scale=1, float input_scale=1, *, Tensor? out=None) -> Tensor" => a::elu;
    /// `elu` in place.
    nn:
        "elu_(Tensor self, float alpha=1, float scale=1, float input_scale=1) -> Tensor" => |x: &Tensor, alpha: f64, scale: f64, input_scale: f64| a::elu(x, alpha, scale, input_scale, Out::InPlace(x));
    /// x · Φ(x), exact or (approximate='tanh') by tanh.
    nn: "gelu(Tensor self, str approximate='none', *, Tensor? out=None) -> Tensor" => a::gelu;
    /// `gelu` in place.
    nn:
        "gelu_(Tensor self, str approximate='none') -> Tensor" => |x: &Tensor, approximate: &str| a::gelu(x, approximate, Out::InPlace(x));
    /// log(1 + exp(beta · x)) / beta.
    nn: "softplus(Tensor self, float beta=1, float threshold=20, *, Tensor? out=None) -> Tensor" => a::softplus;
    /// log(sigmoid(x)).
    nn: "log_sigmoid(Tensor self, *, Tensor? out=None) -> Tensor" => a::log_sigmoid;
    /// x drawn towards zero by lambd.
    nn: "softshrink(Tensor self, float lambd=0.5, *, Tensor? out=None) -> Tensor" => |x: &Tensor, lambd: f64, out: Out| {
        if lambd.is_nan() || lambd < 0.0 {
            let message = format!("lambda must be in range [0, the greatest number of the input dtype], but found {lambd}");
            return Err(rushlight::Error::custom("softshrink", message));
        }
        a::softshrink(x, lambd, out)
    };
    /// x where |x| > lambd, else 0.
    fn method: "hardshrink(Tensor self, float lambd=0.5, *, Tensor? out=None) -> Tensor" => a::hardshrink;
    /// min(max(x, 0), 6).
    nn: "relu6(Tensor self) -> Tensor" => |x: &Tensor| a::hardtanh(x, 0.0, 6.0, Out::New);
    /// `relu6` in place.
    nn: "relu6_(Tensor self) -> Tensor" => |x: &Tensor| a::hardtanh(x, 0.0, 6.0, Out::InPlace(x));
    /// scale · (max(0, x) + min(0, alpha · (eˣ − 1))) with the constants of self-normalising networks.
    fn: "selu(Tensor self) -> Tensor" => |x: &Tensor| a::elu(x, ALPHA, SCALE, 1.0, Out::New);
    /// `selu` in place.
    fn: "selu_(Tensor self) -> Tensor" => |x: &Tensor| a::elu(x, ALPHA, SCALE, 1.0, Out::InPlace(x));
    /// max(0, x) + min(0, alpha · (exp(x / alpha) − 1)).
    fn: "celu(Tensor self, float alpha=1.0) -> Tensor" => |x: &Tensor, alpha: f64| celu(x, alpha, Out::New);
    /// `celu` in place.
    fn: "celu_(Tensor self, float alpha=1.0) -> Tensor" => |x: &Tensor, alpha: f64| celu(x, alpha, Out::InPlace(x));
    /// a · sigmoid(b) for the halves a and b of `self` along `dim`.
    nn: "glu(Tensor self, int dim=-1, *, Tensor? out=None) -> Tensor" => a::glu;
}
