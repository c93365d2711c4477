//! Makes a run that fails shorter, as long as it fails.

use chatroom_core::limits::Limits;
use serde_json::{Map, Value};

use super::Script;
use super::step::Step;

/// Leaves out what is not needed for a run to fail: steps first, in pieces that get smaller, then limits that are not
/// the default. What is wrong stays the same but for names and numbers.
pub fn shrink(script: &Script) -> Script {
    let Some((last, fault)) = script.play() else { return script.clone() };
    let mut steps = script.steps.clone();
    steps.truncate(last + 1);
    let fault = kind(&fault);
    let fails_alike = |script: &Script| script.play().is_some_and(|(_, other)| kind(&other) == fault);
    let fails = |steps: &[Step]| fails_alike(&Script { steps: steps.to_vec(), ..script.clone() });
    let steps = shortest(steps.iter().map(whole).collect(), &fails)
        .or_else(|| shortest(steps, &fails))
        .unwrap_or_else(|| script.steps.clone());
    usual_limits(Script { steps, ..script.clone() }, &fails_alike)
}

/// The shortest list that still fails, found by leaving out pieces; `None` if all of it does not.
pub fn shortest<T: Clone>(mut list: Vec<T>, fails: &dyn Fn(&[T]) -> bool) -> Option<Vec<T>> {
    if !fails(&list) {
        return None;
    }
    let mut piece = list.len().div_ceil(2);
    while piece > 0 {
        let mut from = 0;
        let mut is_shorter = false;
        while from < list.len() {
            let mut candidate = list.clone();
            candidate.drain(from..list.len().min(from + piece));
            if fails(&candidate) {
                list = candidate;
                is_shorter = true;
            } else {
                from += piece;
            }
        }
        if !is_shorter || piece > 1 {
            piece /= 2;
        }
    }
    Some(list)
}

/// The same step without a cut.
fn whole(step: &Step) -> Step {
    match step {
        Step::Carry(line, _) => Step::Carry(*line, usize::MAX),
        Step::Take(line, _) => Step::Take(*line, usize::MAX),
        step => step.clone(),
    }
}

/// A fault without what is different each time.
fn kind(fault: &str) -> String {
    fault.lines().next().unwrap_or_default().chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn usual_limits(mut script: Script, fails: &dyn Fn(&Script) -> bool) -> Script {
    let usual = table(&Limits::default());
    for (key, value) in usual {
        let mut limits = table(&script.swarm.limits);
        limits.insert(key, value);
        let Ok(limits) = serde_json::from_value::<Limits>(Value::Object(limits)) else { continue };
        let mut candidate = script.clone();
        candidate.swarm.limits = limits;
        if candidate.swarm.limits.check().is_ok() && fails(&candidate) {
            script = candidate;
        }
    }
    script
}

/// Limits by their names.
pub fn table(limits: &Limits) -> Map<String, Value> {
    match serde_json::to_value(limits) {
        Ok(Value::Object(table)) => table,
        _ => Map::new(),
    }
}
