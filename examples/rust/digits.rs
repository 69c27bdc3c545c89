//! Runs a network that examples/export.py has saved on its test digits, and compares with what Python gave, bit by bit.
//!
//!     cargo run --release -p rushlight --example digits -- mnist.rlg digits.bin

use rushlight::{Graph, Result, Tensor};
use std::time::Instant;

/// What is left of a file of numbers.
struct Bytes(Vec<u8>, usize);

impl Bytes {
    fn take<const N: usize, T>(&mut self, count: usize, from: fn([u8; N]) -> T) -> Vec<T> {
        let all = self.0.get(self.1..self.1 + count * N).expect("the file of digits is cut short");
        self.1 += count * N;
        all.chunks_exact(N).map(|word| from(word.try_into().expect("a whole number"))).collect()
    }
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let [_, model, digits] = &args[..] else {
        eprintln!("usage: digits mnist.rlg digits.bin");
        std::process::exit(2);
    };
    let mut file = Bytes(std::fs::read(digits).expect("a file of digits"), 0);
    let sizes: Vec<usize> = file.take(3, u64::from_le_bytes).into_iter().map(|n| n as usize).collect();
    let (count, classes, batch) = (sizes[0], sizes[1], sizes[2]);
    let images = file.take(count * 28 * 28, f32::from_le_bytes);
    let labels = file.take(count, i64::from_le_bytes);
    let expected = file.take(count * classes, u32::from_le_bytes);

    let start = Instant::now();
    let graph = Graph::load(model)?;
    println!("loaded in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);

    let start = Instant::now();
    let mut logits = Vec::new();
    for images in images.chunks(batch * 28 * 28) {
        let x = Tensor::from_slice(images, &[images.len() / (28 * 28), 1, 28, 28])?;
        logits.extend(graph.run(&[&x])?[0].to_vec::<f32>()?);
    }
    println!("{count} digits in {:.1} ms", start.elapsed().as_secs_f64() * 1e3);

    let guess = |row: &[f32]| (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0) as i64;
    let right = logits.chunks(classes).zip(&labels).filter(|(row, label)| guess(row) == **label).count();
    let differ = logits.iter().zip(&expected).filter(|(a, b)| a.to_bits() != **b).count();
    println!(
        "accuracy {:.2} %, {differ} of {} logits differ from Python's",
        100.0 * right as f64 / count as f64,
        logits.len()
    );
    std::process::exit((differ > 0 || logits.len() != expected.len()) as i32);
}
