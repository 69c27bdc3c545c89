//! Steps of optimisers, one launch a parameter.

use super::{SIDE, head, sides, tag, wgsl};
use crate::device::Gpu;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::optim::{Adam, Sgd};
use crate::tensor::Tensor;

/// A rule that a shader follows.
pub trait Rule {
    fn launch(&self, gpu: &Gpu, param: &Tensor, grad: &Tensor, state: &[&Tensor]) -> Result<bool>;
}

fn sign(maximize: bool) -> f64 {
    if maximize { -1.0 } else { 1.0 }
}

impl Rule for Sgd {
    fn launch(&self, gpu: &Gpu, param: &Tensor, grad: &Tensor, state: &[&Tensor]) -> Result<bool> {
        let velocity = state.first().copied();
        let flags = [("MOMENTUM", velocity.is_some()), ("FIRST", self.is_first_step), ("NESTEROV", self.nesterov)];
        let shader = gpu.shader("sgd").variant(tag(&flags)).write("param", param).read("grad", grad);
        let shader = shader.write("velocity", velocity.unwrap_or(param)).word(param.numel());
        let shader = shader.num(self.lr).num(self.momentum).num(self.weight_decay).num(1.0 - self.dampening);
        shader
            .num(sign(self.maximize))
            .groups(sides(param.numel()), SIDE, || format!("{}{}", head(DType::F32, &flags), wgsl!("sgd")))
    }
}

impl Rule for Adam {
    fn launch(&self, gpu: &Gpu, param: &Tensor, grad: &Tensor, state: &[&Tensor]) -> Result<bool> {
        let [mean, square, most @ ..] = state else { return Ok(false) };
        let (shrink, decay) = match self.decoupled_weight_decay {
            true => (1.0 - self.lr * self.weight_decay, 0.0),
            false => (1.0, self.weight_decay),
        };
        let flags = [("AMSGRAD", !most.is_empty())];
        let shader = gpu.shader("adam").variant(tag(&flags)).write("param", param).read("grad", grad);
        let shader = shader.write("mean", mean).write("square", square).write("most", most.first().unwrap_or(square));
        let shader = shader.word(param.numel()).num(shrink).num(decay).num(1.0 - self.beta1).num(self.beta2);
        let shader = shader.num(1.0 - self.beta2).num(self.lr / self.correction1).num(self.correction2.sqrt());
        shader
            .num(self.eps)
            .num(sign(self.maximize))
            .groups(sides(param.numel()), SIDE, || format!("{}{}", head(DType::F32, &flags), wgsl!("adam")))
    }
}
