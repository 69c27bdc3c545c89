//! Sequences of unequal lengths, padded and packed.

use super::index::{index_copy, index_select};
use super::rnn::lengths_of;
use super::shape::constant_pad_nd;
use crate::dtype::Scalar;
use crate::error::{Error, Result};
use crate::op::Out;
use crate::tensor::Tensor;

/// Stacks tensors of shape `[length, …]` into `[longest, count, …]`, or `[count, longest, …]`.
pub fn pad_sequence(list: &[Tensor], batch_first: bool, value: f64, side: &str) -> Result<Tensor> {
    const NAME: &str = "pad_sequence";
    let Some(first) = list.first() else {
        return Err(Error::custom(NAME, "received an empty list of sequences"));
    };
    if !matches!(side, "left" | "right") {
        let text = format!("Expected padding_side to be one of left or right, but got {side}.");
        return Err(Error::custom(NAME, text));
    }
    let mut longest = 0;
    for t in list {
        let ([length, rest @ ..], [_, same @ ..]) = (t.shape(), first.shape()) else {
            return Err(Error::shape(NAME, "sequences of at least one dimension", t.shape()));
        };
        if rest != same {
            let expected =
                format!("sequences that agree but in their length, as the first of shape {:?}", first.shape());
            return Err(Error::shape(NAME, expected, t.shape()));
        }
        longest = longest.max(*length);
    }
    let padded: Vec<Tensor> = list
        .iter()
        .map(|t| {
            let more = (longest - t.shape()[0]) as i64;
            let mut pad = vec![0; 2 * t.ndim() - 2];
            pad.extend(if side == "left" { [more, 0] } else { [0, more] });
            constant_pad_nd(&t.to(first.dtype())?, &pad, Scalar::Float(value))
        })
        .collect::<Result<_>>()?;
    Tensor::stack(&padded, if batch_first { 0 } else { 1 })
}

/// The places of rows.
fn places(rows: &[i64]) -> Result<Tensor> {
    Tensor::from_slice(rows, &[rows.len()])
}

/// The rows of a padded batch that are within the `lengths`, step by step, and the number of them at each step. Lengths fall.
pub fn pack_padded_sequence(x: &Tensor, lengths: &Tensor, batch_first: bool) -> Result<(Tensor, Tensor)> {
    const NAME: &str = "_pack_padded_sequence";
    let fail = |text: String| Err(Error::custom(NAME, text));
    let lengths = lengths_of(NAME, lengths)?;
    if x.numel() == 0 {
        return fail("Cannot pack empty tensors.".into());
    }
    if x.ndim() < 2 {
        let (low, high) = (-1, 0);
        return Err(Error::Index { op: NAME, what: "Dimension", given: 1, low, high });
    }
    let (steps, batch) = if batch_first { (x.shape()[1], x.shape()[0]) } else { (x.shape()[0], x.shape()[1]) };
    if lengths.len() != batch {
        let got = lengths.len();
        return fail(format!("Expected `len(lengths)` to be equal to batch_size, but got {got} (batch_size={batch})"));
    }
    if let Some(bad) = lengths.iter().find(|&&n| n <= 0) {
        let text = format!(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0: {bad}"
        );
        return fail(text);
    }
    if lengths.windows(2).any(|w| w[0] < w[1]) {
        return fail(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. Pass `enforce_sorted=False` to have them sorted."
                .into(),
        );
    }
    let longest = lengths[0];
    if longest > steps as i64 {
        return fail(format!("expected lengths of at most {steps}, the steps of the input, got {longest}"));
    }
    let (mut rows, mut sizes) = (Vec::new(), Vec::new());
    for t in 0..longest as usize {
        let now = lengths.iter().take_while(|&&n| n > t as i64).count();
        sizes.push(now as i64);
        rows.extend((0..now).map(|b| if batch_first { b * steps + t } else { t * batch + b } as i64));
    }
    let flat = x.reshape(&[&[steps * batch], &x.shape()[2..]].concat())?;
    Ok((index_select(&flat, 0, &places(&rows)?)?, places(&sizes)?))
}

/// Packed rows in a padded batch again, and the length of each sequence.
pub fn pad_packed_sequence(
    data: &Tensor,
    batch_sizes: &Tensor,
    batch_first: bool,
    value: Scalar,
    total: i64,
) -> Result<(Tensor, Tensor)> {
    const NAME: &str = "_pad_packed_sequence";
    let fail = |text: String| Err(Error::custom(NAME, text));
    let sizes = lengths_of(NAME, batch_sizes)?;
    let falls = sizes.windows(2).all(|w| w[0] >= w[1]) && sizes.iter().all(|&n| n > 0);
    let sum: i64 = sizes.iter().sum();
    if !falls || sizes.is_empty() || data.ndim() == 0 || sum != data.shape()[0] as i64 {
        let expected = format!("batch sizes that fall and add up to the rows of data of shape {:?}", data.shape());
        return Err(Error::argument(NAME, expected, format!("{sizes:?}")));
    }
    let longest = sizes.len() as i64;
    if total > 0 && total < longest {
        return fail(format!(
            "Expected total_length to be at least the length of the longest sequence in input, but got total_length={total} and max sequence length being {longest}"
        ));
    }
    let (steps, batch) = (total.max(longest) as usize, sizes[0] as usize);
    let mut rows = Vec::new();
    for (t, &now) in sizes.iter().enumerate() {
        rows.extend((0..now as usize).map(|b| if batch_first { b * steps + t } else { t * batch + b } as i64));
    }
    let rest = &data.shape()[1..];
    let empty = Tensor::full(&[&[steps * batch], rest].concat(), value, data.dtype())?;
    let flat = index_copy(&empty, 0, &places(&rows)?, data, Out::New)?;
    let lead = if batch_first { [batch, steps] } else { [steps, batch] };
    let lengths: Vec<i64> = (0..batch).map(|b| sizes.iter().filter(|&&n| n > b as i64).count() as i64).collect();
    Ok((flat.reshape(&[&lead[..], rest].concat())?, places(&lengths)?))
}
