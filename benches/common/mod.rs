//! How the benches time: what runs once is repeated until a round takes a while, and the best of several rounds counts,
//! since whatever disturbs a measurement makes it longer.

use rushlight::kernels::{isa, threads};
use rushlight::ops::random;
use rushlight::{DType, Error, Generator, Result, Tensor};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A round is at least so long.
const ROUND: Duration = Duration::from_millis(40);
const ROUNDS: usize = 5;

/// What one run of a case moves or computes.
#[allow(dead_code)] // each family measures one of them
pub enum Work {
    Bytes(usize),
    Flops(usize),
}

/// Says which machine the figures are of.
pub fn title(family: &str) {
    let (cpu, level, n) = (cpu(), isa::level(), threads::num_threads());
    println!("\n{family}: {cpu}, {level:?}, {n} thread{}", if n == 1 { "" } else { "s" });
}

/// Times one case and prints its line. Cases whose name lacks the command line's word (`cargo bench -- matmul`) are passed over.
pub fn case<T>(name: &str, work: Work, mut run: impl FnMut() -> Result<T>) {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
        return;
    }
    let mut time = |times: u32| {
        let start = Instant::now();
        for _ in 0..times {
            black_box(run()?);
        }
        Ok::<_, Error>(start.elapsed())
    };
    let mut measure = || {
        let mut times = 1;
        while time(times)? < ROUND {
            times *= 2;
        }
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            best = best.min(time(times)?);
        }
        Ok::<_, Error>(best.as_secs_f64() / f64::from(times))
    };
    match measure() {
        Ok(seconds) => {
            let (amount, unit) = match work {
                Work::Bytes(n) => (n, "GB/s"),
                Work::Flops(n) => (n, "GFLOP/s"),
            };
            println!("  {name:<44} {:>11.2} µs {:>9.1} {unit}", seconds * 1e6, amount as f64 / seconds / 1e9);
        }
        Err(error) => println!("  {name:<44} failed: {error}"),
    }
}

/// Normal numbers, the same in every run.
#[allow(dead_code)] // not every family draws
pub fn normal(shape: &[usize], dtype: DType) -> Result<Tensor> {
    random::draw(random::Dist::Normal { mean: 0.0, std: 1.0 }, shape, dtype, Some(Generator::new(0)))
}

fn cpu() -> String {
    let from_proc = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_string())
    });
    let from_sysctl = || {
        let output = std::process::Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
        let name = String::from_utf8(output.stdout).ok()?;
        (!name.trim().is_empty()).then(|| name.trim().to_string())
    };
    let from_windows = || std::env::var("PROCESSOR_IDENTIFIER").ok();
    let name = from_proc.or_else(from_sysctl).or_else(from_windows);
    name.unwrap_or_else(|| format!("unknown {} CPU", std::env::consts::ARCH))
}
