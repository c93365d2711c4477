use super::*;

#[test]
fn a_seed_is_the_same_twice() {
    for seed in 1..4 {
        let (once, again) = (run(seed, 3_000), run(seed, 3_000));
        assert_eq!((once.events, once.digest), (again.events, again.digest), "seed {seed}");
        assert_eq!(once.coverage, again.coverage, "seed {seed}");
    }
}

#[test]
fn a_script_does_what_its_seed_did() {
    let (seed, steps) = (5, 2_000);
    let script = script(seed, steps);
    let mut town = Town::new(&script.swarm);
    assert_eq!(script.play_in(&mut town), None);
    let run = run(seed, steps);
    assert_eq!((town.events, town.digest), (run.events, run.digest));
}

#[test]
fn some_hundred_thousand_events_go_well() {
    let mut events = 0;
    for seed in 1..=40 {
        let run = run(seed, 3_000);
        assert_eq!(run.fault, None, "seed {seed}");
        events += run.events;
    }
    assert!(events > 100_000, "{events}");
}

#[test]
fn what_is_not_needed_for_a_failure_is_left_out() {
    let fails = |list: &[u32]| list.contains(&17) && list.iter().filter(|number| **number > 50).count() >= 2;
    assert_eq!(shrink::shortest((0..100).collect(), &fails), Some(vec![17, 98, 99]));
    assert_eq!(shrink::shortest(vec![1, 2], &fails), None);
}
