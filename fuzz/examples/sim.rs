//! scratch
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Ok(d) = std::fs::read(&args[0]) {
        let mut tr = vec![];
        let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            noti_fuzz::world::run(noti_fuzz::world::Choices::Bytes(&d), Some(&mut tr))
        }));
        for l in &tr {
            println!("{l}")
        }
        println!("{r:?}");
        return;
    }
    let a: Vec<u64> = args.iter().map(|x| x.parse().unwrap()).collect();
    let t = std::time::Instant::now();
    let mut s = (0, 0, 0, 0u64);
    if a.len() == 1 {
        let mut tr = vec![];
        let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            noti_fuzz::world::run(noti_fuzz::world::Choices::Seed(a[0]), Some(&mut tr))
        }));
        for l in &tr[tr.len().saturating_sub(60)..] {
            println!("{l}")
        }
        println!("{r:?}");
        return;
    }
    for seed in a[0]..a[1] {
        let r = std::panic::catch_unwind(|| {
            noti_fuzz::world::run(noti_fuzz::world::Choices::Seed(seed), None)
        });
        match r {
            Ok(x) => {
                s.0 += x.events;
                s.1 += x.connections;
                s.2 += x.duplicates;
                s.3 += x.time
            }
            Err(_) => {
                println!("SEED {seed}");
                return;
            }
        }
    }
    println!(
        "{s:?} {:?} {}/s",
        t.elapsed(),
        (a[1] - a[0]) as f64 / t.elapsed().as_secs_f64()
    );
}
