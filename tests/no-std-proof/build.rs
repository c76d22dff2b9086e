//! The program has its own entry, so the C runtime's is left out.

fn main() {
    println!("cargo::rustc-link-arg-bins=-nostartfiles");
    // For `memcpy` and its like, which the compiler calls.
    println!("cargo::rustc-link-arg-bins=-lc");
}
