//! How Rushlight meets Python. Start with `functions/mod.rs`, the table of all functions; `call.rs` is how it works.

mod args;
mod autograd;
mod call;
mod class;
mod core;
mod data;
mod deliver;
mod device;
mod dlpack;
mod error;
mod explain;
mod functions;
mod gate;
mod generator;
mod gpu;
mod graph;
mod output;
mod overrides;
mod publish;
mod schema;
mod segment;
mod storage;
mod types;

use pyo3::prelude::*;

#[pymodule(gil_used = true)]
fn _rushlight(m: &Bound<PyModule>) -> PyResult<()> {
    gate::install(m)?;
    publish::submodule(m, "_return_types")?;
    types::install(m)?;
    class::install(m)?;
    generator::install(m)?;
    device::install(m)?;
    m.add_class::<storage::PyStorage>()?;
    segment::install(m)?;
    overrides::install(m)?;
    graph::install(m)?;
    autograd::install(m)?;
    publish::install(m)?;
    publish::publish(m)?;
    m.add("__version__", env!("CARGO_PKG_VERSION"))
}
