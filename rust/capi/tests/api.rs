//! The C ABI as C uses it: codes and words, owners, threads, and callers that do everything wrong.

use rushlight::graph::capture;
use rushlight::graph::file::Extras;
use rushlight::{DType, Tensor};
use rushlight_c::*;
use std::ffi::{CStr, CString};
use std::ptr::{null, null_mut};

fn words() -> String {
    // SAFETY: never null, and ends with a zero.
    unsafe { CStr::from_ptr(rl_last_error()) }.to_str().unwrap().to_string()
}

fn program() -> Vec<u8> {
    let x = Tensor::from_slice(&[1.0f32, 2.0], &[2]).unwrap();
    let graph = capture(&[&x, &x.copy().unwrap()], |x| Ok(vec![x[0].mul(2.0)?.add(x[1])?, x[0].sum_all()?])).unwrap();
    graph.to_bytes(&Extras::default()).unwrap()
}

fn tensor(values: &[f32]) -> *mut RlTensor {
    let mut made = null_mut();
    // SAFETY: a shape of one size, and as many values.
    let status =
        unsafe { rl_tensor_new(DType::F32 as u32, [values.len()].as_ptr(), 1, values.as_ptr().cast(), &mut made) };
    assert_eq!(status, RlStatus::Ok);
    made
}

fn graph() -> *mut RlGraph {
    let (bytes, mut graph) = (program(), null_mut());
    // SAFETY: a slice's own pointer and length.
    assert_eq!(unsafe { rl_graph_load_memory(bytes.as_ptr(), bytes.len(), &mut graph) }, RlStatus::Ok, "{}", words());
    graph
}

fn values(tensor: *const RlTensor) -> Vec<f32> {
    // SAFETY: a live tensor of floats.
    unsafe {
        assert_eq!(rl_tensor_dtype(tensor), DType::F32 as u32);
        std::slice::from_raw_parts(rl_tensor_data(tensor).cast(), rl_tensor_numel(tensor)).to_vec()
    }
}

#[test]
fn a_graph_runs_in_several_threads() {
    let graph = graph();
    // SAFETY: live handles, each freed once.
    unsafe {
        assert_eq!((rl_graph_inputs(graph), rl_graph_outputs(graph)), (2, 2));
        let shared = graph as usize;
        std::thread::scope(|scope| {
            for i in 0..4 {
                scope.spawn(move || {
                    let graph = shared as *const RlGraph;
                    for n in 0..50 {
                        let (x, y) = (tensor(&[i as f32, n as f32]), tensor(&[1.0, 2.0]));
                        let mut out = [null_mut(); 2];
                        let inputs = [x.cast_const(), y.cast_const()];
                        assert_eq!(rl_graph_run(graph, inputs.as_ptr(), 2, out.as_mut_ptr(), 2), RlStatus::Ok);
                        assert_eq!(values(out[0]), [2.0 * i as f32 + 1.0, 2.0 * n as f32 + 2.0]);
                        assert_eq!(rl_tensor_dims(out[1]), 0);
                        assert_eq!(values(out[1]), [(i + n) as f32]);
                        [x, y, out[0], out[1]].into_iter().for_each(|t| rl_tensor_free(t));
                    }
                });
            }
        });
        rl_graph_free(graph);
    }
}

#[test]
fn what_is_wrong_is_said() {
    // SAFETY: nulls and sizes that the functions must look at before they believe them.
    unsafe {
        let mut graph_to = null_mut();
        assert_eq!(rl_graph_load(null(), &mut graph_to), RlStatus::BadArgument);
        assert!(words().contains("null"));
        assert_eq!(rl_graph_load(CString::new("/nowhere").unwrap().as_ptr(), null_mut()), RlStatus::BadArgument);
        assert_eq!(rl_graph_load(CString::new("/nowhere").unwrap().as_ptr(), &mut graph_to), RlStatus::BadFile);
        assert!(words().contains("/nowhere"), "{}", words());
        let mut bytes = program();
        bytes[100] ^= 1;
        assert_eq!(rl_graph_load_memory(bytes.as_ptr(), bytes.len(), &mut graph_to), RlStatus::BadFile);
        assert!(words().contains("damaged"), "{}", words());
        assert_eq!(rl_graph_load_memory(null(), 3, &mut graph_to), RlStatus::BadArgument);
        assert_eq!(rl_graph_load_memory(null(), 0, &mut graph_to), RlStatus::BadFile);
        assert!(graph_to.is_null());

        let mut made = null_mut();
        assert_eq!(rl_tensor_new(99, null(), 0, null(), &mut made), RlStatus::BadArgument);
        assert_eq!(rl_tensor_new(DType::F32 as u32, null(), 1, null(), &mut made), RlStatus::BadArgument);
        assert_eq!(rl_tensor_new(DType::F32 as u32, [2].as_ptr(), 1, null(), &mut made), RlStatus::BadArgument);
        assert_eq!(
            rl_tensor_new(DType::F32 as u32, [1usize << 62; 3].as_ptr(), 3, null(), &mut made),
            RlStatus::OutOfMemory
        );
        assert_eq!(
            rl_tensor_new(DType::Bool as u32, [1].as_ptr(), 1, [7u8].as_ptr(), &mut made),
            RlStatus::BadArgument
        );
        assert_eq!(
            rl_tensor_new(DType::F32 as u32, null(), 0, 1.5f32.to_le_bytes().as_ptr(), null_mut()),
            RlStatus::BadArgument
        );
        assert!(made.is_null());

        let graph = graph();
        let (x, long) = (tensor(&[1.0, 2.0]), tensor(&[1.0, 2.0, 3.0]));
        let mut out = [null_mut(); 2];
        let mut run =
            |inputs: &[*const RlTensor], n| rl_graph_run(graph, inputs.as_ptr(), inputs.len(), out.as_mut_ptr(), n);
        assert_eq!(run(&[x], 2), RlStatus::Failed);
        assert!(words().contains("2 inputs"), "{}", words());
        assert_eq!(run(&[x, null()], 2), RlStatus::BadArgument);
        assert_eq!(run(&[x, x], 1), RlStatus::BadArgument);
        assert!(words().contains("2 outputs"));
        assert_eq!(run(&[x, long], 2), RlStatus::Failed);
        assert_eq!(rl_graph_run(null(), null(), 0, null_mut(), 0), RlStatus::BadArgument);
        assert!(out.iter().all(|t| t.is_null()));
        assert_eq!(rl_set_num_threads(0), RlStatus::BadArgument);
        [x, long].into_iter().for_each(|t| rl_tensor_free(t));
        rl_graph_free(graph);

        rl_graph_free(null_mut());
        rl_tensor_free(null_mut());
        assert_eq!((rl_graph_inputs(null()), rl_graph_outputs(null()), rl_tensor_numel(null())), (0, 0, 0));
        assert_eq!(rl_tensor_dtype(null()), u32::MAX);
        assert!(rl_tensor_data(null()).is_null() && rl_tensor_shape(null()).is_null());
        assert!(!rl_version().is_null());
    }
}
