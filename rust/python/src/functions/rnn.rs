//! Recurrent networks, and sequences of unequal lengths.

use crate::call::table;
use rushlight::ops::rnn::{Kind, RecurrentOptions, cell, recurrent, recurrent_packed};
use rushlight::ops::rnn_pack as p;
use rushlight::{Error, Result, Scalar, Tensor};

fn options(has_biases: bool, layers: i64, dropout: f64, train: bool, bidirectional: bool) -> RecurrentOptions {
    RecurrentOptions { has_biases, layers, dropout, train, bidirectional }
}

fn missing() -> Error {
    Error::custom("rnn", "a result is missing")
}

fn two(all: Result<impl IntoIterator<Item = Tensor>>) -> Result<(Tensor, Tensor)> {
    let mut all = all?.into_iter();
    all.next().zip(all.next()).ok_or_else(missing)
}

fn three(all: Result<impl IntoIterator<Item = Tensor>>) -> Result<(Tensor, Tensor, Tensor)> {
    let mut all = all?.into_iter();
    match (all.next(), all.next(), all.next()) {
        (Some(a), Some(b), Some(c)) => Ok((a, b, c)),
        _ => Err(missing()),
    }
}

fn one(
    kind: Kind,
    x: &Tensor,
    h: &Tensor,
    w_ih: &Tensor,
    w_hh: &Tensor,
    b_ih: Option<&Tensor>,
    b_hh: Option<&Tensor>,
) -> Result<Tensor> {
    cell(kind, x, std::slice::from_ref(h), [w_ih, w_hh], [b_ih, b_hh])?.into_iter().next().ok_or_else(missing)
}

/// The padded form of a network whose state is one tensor.
macro_rules! padded {
    ($kind:ident) => {
        |x: &Tensor, h: &Tensor, params: Vec<Tensor>, b: bool, l: i64, d: f64, t: bool, both: bool, first: bool| {
            two(recurrent(Kind::$kind, x, std::slice::from_ref(h), &params, options(b, l, d, t, both), first))
        }
    };
}
/// The packed form.
macro_rules! packed {
    ($kind:ident) => {
        |x: &Tensor, sizes: &Tensor, h: &Tensor, params: Vec<Tensor>, b: bool, l: i64, d: f64, t: bool, both: bool| {
            two(recurrent_packed(Kind::$kind, x, sizes, std::slice::from_ref(h), &params, options(b, l, d, t, both)))
        }
    };
}
/// One step.
macro_rules! step {
    ($kind:ident) => {
        |x: &Tensor, h: &Tensor, w_ih: &Tensor, w_hh: &Tensor, b_ih: Option<&Tensor>, b_hh: Option<&Tensor>| {
            one(Kind::$kind, x, h, w_ih, w_hh, b_ih, b_hh)
        }
    };
}

table! {
    /// Long short-term memory over padded or packed sequences: the last layer's states, the last states and the last cells of
    /// all layers.
    fn:
        "lstm(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor, Tensor)"
            => |x: &Tensor, hx: Vec<Tensor>, params: Vec<Tensor>, b: bool, l: i64, d: f64, t: bool, both: bool, first: bool|
                three(recurrent(Kind::Lstm, x, &hx, &params, options(b, l, d, t, both), first)),
        "lstm(Tensor data, Tensor batch_sizes, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor, Tensor)"
            => |x: &Tensor, sizes: &Tensor, hx: Vec<Tensor>, params: Vec<Tensor>, b: bool, l: i64, d: f64, t: bool, both: bool|
                three(recurrent_packed(Kind::Lstm, x, sizes, &hx, &params, options(b, l, d, t, both)));
    /// Gated recurrent units over padded or packed sequences: the last layer's states, and the last states of all layers.
    fn:
        "gru(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)"
            => padded!(Gru),
        "gru(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)"
            => packed!(Gru);
    /// Elman's recurrent network with tanh: the last layer's states, and the last states of all layers.
    fn:
        "rnn_tanh(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)"
            => padded!(Tanh),
        "rnn_tanh(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)"
            => packed!(Tanh);
    /// Elman's recurrent network with relu: the last layer's states, and the last states of all layers.
    fn:
        "rnn_relu(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)"
            => padded!(Relu),
        "rnn_relu(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)"
            => packed!(Relu);
    /// One step of an LSTM: state and cell.
    fn:
        "lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> (Tensor, Tensor)"
            => |x: &Tensor, hx: Vec<Tensor>, w_ih: &Tensor, w_hh: &Tensor, b_ih: Option<&Tensor>, b_hh: Option<&Tensor>|
                two(cell(Kind::Lstm, x, &hx, [w_ih, w_hh], [b_ih, b_hh]));
    /// One step of a GRU.
    fn:
        "gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor"
            => step!(Gru);
    /// `tanh(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh)`
    fn:
        "rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor"
            => step!(Tanh);
    /// `relu(input @ w_ih.T + b_ih + hx @ w_hh.T + b_hh)`
    fn:
        "rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor"
            => step!(Relu);
    /// Stacks sequences of unequal lengths, the shorter ones padded.
    nn:
        "pad_sequence(Tensor[] sequences, bool batch_first=False, float padding_value=0.0, str padding_side='right') -> Tensor"
            => |list: Vec<Tensor>, first: bool, value: f64, side: &str| p::pad_sequence(&list, first, value, side);
    /// The steps of padded sequences that are within their lengths, one after the other, and how many there are at each step.
    fn:
        "_pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first) -> (Tensor, Tensor)"
            => p::pack_padded_sequence;
    /// Packed sequences padded again, and their lengths.
    fn:
        "_pad_packed_sequence(Tensor data, Tensor batch_sizes, bool batch_first, Scalar padding_value, int total_length) -> (Tensor, Tensor)"
            => |data: &Tensor, sizes: &Tensor, first: bool, value: Scalar, total: i64|
                p::pad_packed_sequence(data, sizes, first, value, total);
}
