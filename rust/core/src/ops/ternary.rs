//! Functions of three tensors, element by element: the table, and `where`.

use super::binary::{Operand, number_beside};
use super::term::Term;
use crate::autograd::Ctx;
use crate::device::wgsl::{Expression, map as pointwise, wide_of};
use crate::device::{Gpu, Wide};
use crate::dispatch;
use crate::dtype::{Constant, DType, Num, Ordered, Scalar, Standing, result_type};
use crate::error::{Error, Result};
use crate::kernels::isa::{Isa, Kernel, dispatch as by_isa};
use crate::kernels::iter::{self, Run};
use crate::kernels::map::{self, Dense, Function, Pointwise};
use crate::layout::broadcast;
use crate::op::{Grads, Inputs, Keep, Metas, Op, Out, deliver, new};
use crate::tensor::Tensor;
use smallvec::smallvec;
use std::marker::PhantomData;

crate::entries!(OPS: Where);

/// What three operands promote to.
fn common(tensors: [&Tensor; 3]) -> DType {
    result_type(tensors.into_iter().map(|t| (t.dtype(), t.standing())))
}

fn broadcast_all(op: &'static str, inputs: Inputs) -> Result<crate::layout::Shape> {
    let first = broadcast(op, inputs[0].shape(), inputs[1].shape())?;
    broadcast(op, &first, inputs[2].shape())
}

macro_rules! ternary {
    ([$TABLE:ident] $($(#[$doc:meta])* $class:ident $Op:ident $({ $($field:ident : $ty:ty),* })? = $name:ident $(as $text:literal)?:
        |$op:pat_param, $a:ident, $b:ident, $c:ident| $cpu:expr;
        $wgsl:literal;
        $keep:expr;
        |$g:ident, $ctx:ident| [$first:expr, $second:expr, $third:expr];
    )*) => {
        $crate::entries!($TABLE: $($Op),*);
        $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $Op { $($(pub $field: $ty),*)? }

        ternary!(@eval $class $Op, $op, $a, $b, $c, $cpu);

        impl Op for $Op {
            fn name(&self) -> &'static str {
                ternary!(@name $name $($text)?)
            }
            fn meta(&self, inputs: Inputs) -> Result<Metas> {
                let shape = broadcast_all(self.name(), inputs)?;
                let dtype = common([&inputs[0], &inputs[1], &inputs[2]]);
                new(ternary!(@dtype $class stringify!($name), dtype), shape)
            }
            fn pointwise(&self) -> Option<&dyn Pointwise> {
                Some(self)
            }
            fn keep(&self, needs: &[bool]) -> Keep {
                let keep: fn(&[bool]) -> Keep = $keep;
                keep(needs)
            }
            fn backward(&self, $ctx: &Ctx) -> Result<Grads> {
                let $op = self;
                let $g = &Term::from($ctx.grad(0)?);
                let mut grads = $ctx.grads();
                if $ctx.needs(0) { grads[0] = Some(($first).clone().0?); }
                if $ctx.needs(1) { grads[1] = Some(($second).clone().0?); }
                if $ctx.needs(2) { grads[2] = Some(($third).clone().0?); }
                Ok(grads)
            }
            crate::attributes!($($($field),*)?);
        }

        impl Pointwise for $Op {
            fn types(&self, dtypes: &[DType]) -> (DType, DType) {
                (dtypes[0].compute(), dtypes[0].compute())
            }
            unsafe fn dense(&self, compute: DType, dense: Dense) {
                // SAFETY: the caller's promise.
                let ran = unsafe { ternary!(@run $class stringify!($name), compute, self, dense) };
                debug_assert!(ran.is_ok(), "{} in {compute}", self.name());
            }
            fn wgsl(&self, _wide: $crate::device::Wide) -> &'static str {
                $wgsl
            }
        }

        $(#[$doc])*
        pub fn $name(a: Operand, b: Operand, c: Operand $($(, $field: $ty)*)?, out: Out) -> Result<Tensor> {
            of_three($Op { $($($field),*)? }, a, b, c, out)
        }
    )*};
    (@name $name:ident) => { stringify!($name) };
    (@name $name:ident $text:literal) => { $text };

    (@eval number $($rest:tt)*) => { ternary!(@function Num, $($rest)*); };
    (@eval order $($rest:tt)*) => { ternary!(@function Ordered, $($rest)*); };
    (@function $bound:path, $Op:ident, $op:pat_param, $a:ident, $b:ident, $c:ident, $cpu:expr) => {
        impl<I: Isa, T: $bound> Function<I, T, T, 3> for $Op {
            #[inline(always)]
            fn eval(&self, [$a, $b, $c]: [T; 3]) -> T { let $op = self; $cpu }
        }
    };
    (@dtype number $name:expr, $dtype:expr) => { $dtype };
    (@dtype order $name:expr, $dtype:expr) => { dispatch!($name, $dtype, _T in real => $dtype)? };
    (@run number $name:expr, $dtype:expr, $self:ident, $dense:ident) => {
        dispatch!($name, $dtype, W in compute => map::map::<W, W, _, 3>($self, $dense))
    };
    (@run order $name:expr, $dtype:expr, $self:ident, $dense:ident) => {
        dispatch!($name, $dtype, W in ordered => map::map::<W, W, _, 3>($self, $dense))
    };
}

/// Brings three operands, of which one at least is a tensor, to tensors that the kernel can load.
fn of_three(op: impl Op, a: Operand, b: Operand, c: Operand, out: Out) -> Result<Tensor> {
    let some = [a, b, c].into_iter().find_map(|o| if let Operand::Tensor(t) = o { Some(t) } else { None });
    let Some(some) = some else {
        return Err(Error::custom(op.name(), "expected at least one tensor among the operands"));
    };
    let tensor = |o: Operand| match o {
        Operand::Tensor(t) => Ok(t.clone()),
        Operand::Scalar(s) => number_beside(some, s),
    };
    let (a, b, c) = (tensor(a)?, tensor(b)?, tensor(c)?);
    let dtype = common([&a, &b, &c]);
    let load =
        |t: &Tensor| if t.dtype() == dtype || t.standing() == Standing::Number { Ok(t.clone()) } else { t.to(dtype) };
    let (x, y, z) = (load(&a)?, load(&b)?, load(&c)?);
    deliver(op, Inputs(&[Some(&x), Some(&y), Some(&z)]), out)
}

fn input(ctx: &Ctx, i: usize) -> Term {
    Term(ctx.input(i)).conj()
}

ternary! {
    [TERNARY]

    /// a + value · b · c
    number AddCMul { value: Constant } = addcmul_by as "addcmul": |op, a, b, c| a + op.value.to::<T>() * b * c; "a + {value} * b * c";
        |needs| Keep::NOTHING.input(2).only_if(needs[1]).and(Keep::NOTHING.input(1).only_if(needs[2]));
        |g, ctx| [g, g * input(ctx, 2) * op.value.scalar, g * input(ctx, 1) * op.value.scalar];

    /// a + value · b / c
    number AddCDiv { value: Constant } = addcdiv_any as "addcdiv": |op, a, b, c| a + (op.value.to::<T>() * b).divide(c); "a + {value} * b / c";
        |needs| Keep::NOTHING.input(2).only_if(needs[1] || needs[2]).and(Keep::NOTHING.input(1).only_if(needs[2]));
        |g, ctx| [g, g * (op.value.scalar / input(ctx, 2)), -(g * (op.value.scalar * input(ctx, 1) / (input(ctx, 2) * input(ctx, 2))))];

    /// a + c · (b − a): exact at both ends.
    number Lerp = lerp_any as "lerp": |_, a, b, c| lerp_of(a, b, c); "select(b - (b - a) * (1 - c), a + c * (b - a), abs(c) < 0.5)";
        |needs| Keep::NOTHING.input(2).only_if(needs[0] || needs[1]).and(Keep::NOTHING.input(0).input(1).only_if(needs[2]));
        |g, ctx| [g * (1.0 - input(ctx, 2)), g * input(ctx, 2), g * (input(ctx, 1) - input(ctx, 0))];

    /// a, but at least b and at most c; NaN stays, and a bound that is NaN wins.
    order Clamp = clamp_tensors as "clamp": |_, a, b, c| {
            let low = if a < b || b.is_nan() { b } else { a };
            if low > c || c.is_nan() { c } else { low }
        }; "least(greatest(a, b), c)";
        |_| Keep::NOTHING.input(0).input(1).input(2);
        |g, ctx| [
            g * (input(ctx, 0).ge(&input(ctx, 1)) * input(ctx, 0).le(&input(ctx, 2))),
            g * (input(ctx, 1).gt(&input(ctx, 0)) * input(ctx, 2).gt(&input(ctx, 1))),
            g * (input(ctx, 0).gt(&input(ctx, 2)) + input(ctx, 1).gt(&input(ctx, 2)))
        ];
}

/// From the nearer end, as PyTorch does, so that weight 1 gives b.
#[inline(always)]
fn lerp_of<T: Num>(a: T, b: T, weight: T) -> T {
    if weight.below_half() { a + weight * (b - a) } else { b - (b - a) * (T::ONE - weight) }
}

/// a + value · b · c
pub fn addcmul(a: Operand, b: Operand, c: Operand, value: Scalar, out: Out) -> Result<Tensor> {
    addcmul_by(a, b, c, value.into(), out)
}

/// a + value · b / c for floats; integers are refused, as PyTorch does.
pub fn addcdiv(a: &Tensor, b: &Tensor, c: &Tensor, value: Scalar, out: Out) -> Result<Tensor> {
    if !b.dtype().is_differentiable() && !c.dtype().is_differentiable() {
        let message = "Integer division with addcdiv is no longer supported; use (input + value * torch.trunc(tensor1 / tensor2))";
        return Err(Error::custom("addcdiv", message));
    }
    addcdiv_any(a.into(), b.into(), c.into(), value.into(), out)
}

/// Between `start` and `end` by `weight`.
pub fn lerp(start: &Tensor, end: &Tensor, weight: Operand, out: Out) -> Result<Tensor> {
    if start.dtype() != end.dtype() {
        let message = format!("expected dtype {} for `end` but got dtype {}", start.dtype(), end.dtype());
        return Err(Error::custom("lerp", message));
    }
    if let Operand::Tensor(w) = weight
        && w.dtype() != start.dtype()
    {
        let message = format!("expected dtype {} for `weight` but got dtype {}", start.dtype(), w.dtype());
        return Err(Error::custom("lerp", message));
    }
    dispatch!("lerp", start.dtype().compute(), _T in analytic => ())?;
    lerp_any(start.into(), end.into(), weight, out)
}

/// `a` where `condition`, else `b`. The condition is bool; a and b promote.
#[derive(Clone, Copy, Debug)]
pub struct Where {}

impl Op for Where {
    fn name(&self) -> &'static str {
        "where"
    }
    fn meta(&self, inputs: Inputs) -> Result<Metas> {
        if inputs[0].dtype() != DType::Bool {
            let message = format!(
                "where expected condition to be a boolean tensor, but got a tensor with dtype {}",
                inputs[0].dtype()
            );
            return Err(Error::custom("where", message));
        }
        if inputs[1].dtype() != inputs[2].dtype() {
            let given = inputs[2].dtype();
            return Err(Error::DType { op: "where", expected: "two values of one dtype", given });
        }
        new(inputs[1].dtype(), broadcast_all("where", inputs)?)
    }
    fn cpu(&self, inputs: Inputs, outputs: &[Tensor]) -> Result<()> {
        let operands = [outputs[0].operand(), inputs[0].operand(), inputs[1].operand(), inputs[2].operand()];
        let size = outputs[0].dtype().size();
        // SAFETY: operands of live tensors, a bool and two of the output's dtype; the output is ours.
        iter::for_each(outputs[0].shape(), &operands, &|run| unsafe { choose(size, run) });
        Ok(())
    }
    fn gpu(&self, gpu: &Gpu, inputs: Inputs, outputs: &[Tensor]) -> Result<bool> {
        let Some(wide) = wide_of(outputs[0].dtype().compute()) else { return Ok(false) };
        let expression = Expression {
            name: "where",
            text: "select(c, b, a != 0)",
            operands: &[Wide::I32, wide, wide],
            result: wide.into(),
            fields: &Vec::new(),
            compute: wide,
        };
        pointwise(gpu, &expression, &[&inputs[0], &inputs[1], &inputs[2]], &outputs[0])
    }
    fn keep(&self, _: &[bool]) -> Keep {
        Keep::NOTHING.input(0)
    }
    fn backward(&self, ctx: &Ctx) -> Result<Grads> {
        let (g, condition) = (ctx.grad(0)?, ctx.input(0)?);
        let zero = Operand::Scalar(Scalar::Int(0));
        let pick = |a, b| where_op((&condition).into(), a, b, Out::New);
        let first = ctx.needs(1).then(|| pick((&g).into(), zero)).transpose()?;
        let second = ctx.needs(2).then(|| pick(zero, (&g).into())).transpose()?;
        Ok(smallvec![None, first, second])
    }
    crate::attributes!();
}

/// Moves elements of a size, whatever they mean.
///
/// # Safety
/// The run's pointers must be valid for its length: output, condition, and two of elements of this size.
pub(crate) unsafe fn choose(size: usize, run: Run) {
    match size {
        1 => by_isa(Choose::<u8>(run, PhantomData)),
        2 => by_isa(Choose::<u16>(run, PhantomData)),
        4 => by_isa(Choose::<u32>(run, PhantomData)),
        8 => by_isa(Choose::<u64>(run, PhantomData)),
        _ => by_isa(Choose::<[u64; 2]>(run, PhantomData)),
    }
}

struct Choose<'a, T>(Run<'a>, PhantomData<T>);

impl<I: Isa, T: Copy> Kernel<I> for Choose<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Run { len, ptrs, strides } = self.0;
        let (to, condition, a, b) = (ptrs[0].cast::<T>(), ptrs[1], ptrs[2].cast::<T>(), ptrs[3].cast::<T>());
        let size = size_of::<T>() as isize;
        // SAFETY: `choose` was promised operands that are valid for `len` elements at these strides.
        unsafe {
            let pick = |yes: u8, a: T, b: T| if yes != 0 { a } else { b };
            match (strides[0] == size && strides[1] == 1, strides[2], strides[3]) {
                (true, s, t) if s == size && t == size => {
                    (0..len)
                        .for_each(|i| to.add(i).write(pick(condition.add(i).read(), a.add(i).read(), b.add(i).read())));
                }
                (true, s, 0) if s == size => {
                    let b = b.read();
                    (0..len).for_each(|i| to.add(i).write(pick(condition.add(i).read(), a.add(i).read(), b)));
                }
                (true, 0, t) if t == size => {
                    let a = a.read();
                    (0..len).for_each(|i| to.add(i).write(pick(condition.add(i).read(), a, b.add(i).read())));
                }
                _ => {
                    for i in 0..len as isize {
                        let yes = condition.wrapping_offset(strides[1] * i).read();
                        let (a, b) = (
                            a.wrapping_byte_offset(strides[2] * i).read(),
                            b.wrapping_byte_offset(strides[3] * i).read(),
                        );
                        to.wrapping_byte_offset(strides[0] * i).write(pick(yes, a, b));
                    }
                }
            }
        }
    }
}

/// `torch.where(condition, a, b)`.
pub fn where_op(condition: Operand, a: Operand, b: Operand, out: Out) -> Result<Tensor> {
    let Operand::Tensor(condition) = condition else {
        return Err(Error::custom("where", "the condition must be a tensor"));
    };
    let condition = if condition.dtype() == DType::U8 { condition.to(DType::Bool)? } else { condition.clone() };
    let (a, b) = match (a, b) {
        (Operand::Tensor(a), Operand::Tensor(b)) => (a.clone(), b.clone()),
        (Operand::Tensor(a), Operand::Scalar(b)) => (a.clone(), Tensor::number(b, b.dtype())?),
        (Operand::Scalar(a), Operand::Tensor(b)) => (Tensor::number(a, a.dtype())?, b.clone()),
        (Operand::Scalar(a), Operand::Scalar(b)) => (Tensor::number(a, a.dtype())?, Tensor::number(b, b.dtype())?),
    };
    let dtype = super::binary::common_dtype(&a, &b);
    deliver(Where {}, Inputs(&[Some(&condition), Some(&a.to(dtype)?), Some(&b.to(dtype)?)]), out)
}

/// `a`, but at least `min` and at most `max`.
pub fn clamp(a: &Tensor, min: Option<Operand>, max: Option<Operand>, out: Out) -> Result<Tensor> {
    match (min, max) {
        (None, None) => Err(Error::custom("clamp", "At least one of 'min' or 'max' must not be None")),
        (Some(min), None) => super::activation::at_least(a.into(), min, out),
        (None, Some(max)) => super::activation::at_most(a.into(), max, out),
        (Some(Operand::Scalar(min)), Some(Operand::Scalar(max))) => {
            let dtype = result_type(
                [(a.dtype(), a.standing()), (min.dtype(), Standing::Number), (max.dtype(), Standing::Number)]
                    .into_iter(),
            );
            super::activation::clamp_scalars(&a.to(dtype)?, min.into(), max.into(), out)
        }
        (Some(min), Some(max)) => clamp_tensors(a.into(), min, max, out),
    }
}
