//! The windows of signal processing. A periodic window is one sample shorter than the symmetric one of the next length.

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use std::f64::consts::PI;

/// The shape of a window.
#[derive(Clone, Copy, Debug)]
pub enum Window {
    Bartlett,
    Blackman,
    /// α − β · cos
    Hamming {
        alpha: f64,
        beta: f64,
    },
    Hann,
    Kaiser {
        beta: f64,
    },
}

impl Window {
    fn name(self) -> &'static str {
        match self {
            Window::Bartlett => "bartlett_window",
            Window::Blackman => "blackman_window",
            Window::Hamming { .. } => "hamming_window",
            Window::Hann => "hann_window",
            Window::Kaiser { .. } => "kaiser_window",
        }
    }

    /// The value at `x`, from 0 at the beginning to 1 at the end.
    fn at(self, x: f64) -> f64 {
        let cos = |n: f64| (2.0 * PI * n * x).cos();
        match self {
            Window::Bartlett => 1.0 - (2.0 * x - 1.0).abs(),
            Window::Blackman => 0.42 - 0.5 * cos(1.0) + 0.08 * cos(2.0),
            Window::Hamming { alpha, beta } => alpha - beta * cos(1.0),
            Window::Hann => 0.5 - 0.5 * cos(1.0),
            Window::Kaiser { beta } => {
                let y = 2.0 * x - 1.0;
                bessel_i0(beta * (1.0 - y * y).max(0.0).sqrt()) / bessel_i0(beta)
            }
        }
    }
}

/// The modified Bessel function of order 0, by its power series: all terms are positive, so nothing cancels.
fn bessel_i0(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-17 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

/// A window of `length` samples.
pub fn window(kind: Window, length: i64, periodic: bool, dtype: DType) -> Result<Tensor> {
    let op = kind.name();
    if !dtype.is_float() {
        return Err(Error::custom(op, format!("{op} expects floating point dtypes, got: {dtype}")));
    }
    if length < 0 {
        return Err(Error::custom(op, format!("{op} requires non-negative window_length, got window_length={length}")));
    }
    let whole = if periodic { length } else { length - 1 } as f64;
    let at = |n: i64| if length == 1 { 1.0 } else { kind.at(n as f64 / whole) };
    let values: Vec<f64> = (0..length).map(at).collect();
    Tensor::from_slice(&values, &[length as usize])?.to(dtype)
}
