//! Convolutions forward, and forward with all gradients: what real networks have in them.

mod common;

use common::{Work, case, normal, title};
use rushlight::ops::conv::{Options, conv};
use rushlight::{DType, Result};

/// Batch, channels in, size, channels out, kernel, stride, padding, groups.
const LAYERS: [(&str, [usize; 8]); 8] = [
    ("first of an MNIST net", [64, 1, 28, 32, 3, 1, 1, 1]),
    ("second of an MNIST net", [64, 32, 14, 64, 3, 1, 1, 1]),
    ("LeNet 5x5", [64, 6, 14, 16, 5, 1, 0, 1]),
    ("ResNet stem 7x7/2", [1, 3, 224, 64, 7, 2, 3, 1]),
    ("ResNet 3x3 at 56", [1, 64, 56, 64, 3, 1, 1, 1]),
    ("ResNet 3x3/2 at 28", [1, 128, 28, 256, 3, 2, 1, 1]),
    ("1x1 at 14", [1, 512, 14, 256, 1, 1, 0, 1]),
    ("depthwise 3x3 at 56", [1, 128, 56, 128, 3, 1, 1, 128]),
];

fn main() -> Result<()> {
    title("conv");
    for (name, [n, c, size, out, k, stride, padding, groups]) in LAYERS {
        let (x, w) = (normal(&[n, c, size, size], DType::F32)?, normal(&[out, c / groups, k, k], DType::F32)?);
        let (stride, padding) = ([stride as i64], [padding as i64]);
        let forward = || {
            let groups = groups as i64;
            let options = Options { stride: &stride, padding: &padding, dilation: &[1], groups, transposed: None };
            conv("conv2d", 2, &x, &w, None, options)
        };
        let flops = 2 * forward()?.numel() * k * k * c / groups;
        case(&format!("{name}, forward"), Work::Flops(flops), forward);
        x.set_requires_grad(true)?;
        w.set_requires_grad(true)?;
        case(&format!("{name}, with gradients"), Work::Flops(3 * flops), || {
            let y = forward()?;
            y.sum_all()?.backward()?;
            x.set_grad(None);
            w.set_grad(None);
            Ok(y)
        });
    }
    Ok(())
}
