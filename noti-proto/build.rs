//! Chooses between the scanner's two kernels: `cfg(fast_kernel)` is on where flash is cheap.
//!
//! A target without an operating system gets the small kernel, every other the fast one.
//! `RUSTFLAGS='--cfg noti_kernel="small"'` or `"fast"` forces either, on any target.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(fast_kernel)");
    println!("cargo::rustc-check-cfg=cfg(noti_kernel, values(\"fast\", \"small\"))");
    let fast = match env::var("CARGO_CFG_NOTI_KERNEL").as_deref() {
        Ok("fast") => true,
        Ok("small") => false,
        Ok(other) => {
            println!("cargo::error=noti_kernel is \"{other}\"; use \"fast\" or \"small\"");
            return;
        }
        Err(_) => env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system != "none"),
    };
    if fast {
        println!("cargo::rustc-cfg=fast_kernel");
    }
}
