//! A deterministic simulation of the whole system: one seed decides who is there, what they do, and what goes wrong.
//!
//! ```sh
//! cargo run --release -p testkit --bin simulate -- --seeds 1000 --from 1
//! ```
//!
//! Real are the sessions, the exchange, the hub, the accounts, the line for passwords and the client; simulated are
//! the network, the disk's failures, the threads, the clock, and the end of a client's program. `swarm` draws what exists in a seed's world and `draw`
//! what happens in it, one `step` at a time; `town` does it, and a `model` that is too simple to be wrong says whether
//! what came of it is right. A `ledger` remembers what was promised, for the end. A run that fails is made shorter (`shrink`) and written down as a conversation (`chat`).
//!
//! An **event** is one thing that happens to somebody: a client acts, bytes or their end arrive, the network takes
//! bytes, a mailbox is looked into, a password is checked, a deadline comes, lists are sent, time passes, or something
//! fails.

pub mod coverage;
pub mod shrink;
pub mod swarm;

mod chat;
mod desk;
mod draw;
mod ledger;
mod line;
mod model;
mod names;
pub(crate) mod original;
mod screen;
mod step;
mod town;
mod window;

use fastrand::Rng;

use chat::Chat;
use coverage::Coverage;
use draw::Fate;
use step::Step;
use swarm::Swarm;
use town::Town;

/// What came of a seed.
pub struct Run {
    /// Things that have happened.
    pub events: u64,
    /// What was reached.
    pub coverage: Coverage,
    /// Two runs in which all frames are the same have the same.
    pub digest: u64,
    /// What was wrong, if anything was.
    pub fault: Option<String>,
}

/// A run, step by step.
#[derive(Clone)]
pub struct Script {
    swarm: Swarm,
    steps: Vec<Step>,
}

/// Runs a seed for so many steps, and until all is quiet after them.
pub fn run(seed: u64, steps: usize) -> Run {
    play_seed(seed, steps, None)
}

/// Runs a seed once more, and writes down each step.
pub fn script(seed: u64, steps: usize) -> Script {
    let mut taken = Vec::new();
    let (swarm, _) = world(seed);
    play_seed(seed, steps, Some(&mut taken));
    Script { swarm, steps: taken }
}

fn play_seed(seed: u64, steps: usize, mut taken: Option<&mut Vec<Step>>) -> Run {
    let (swarm, rng) = world(seed);
    let mut town = Town::new(&swarm);
    let mut fate = Fate::new(rng, &swarm);
    let mut play = || {
        for _ in 0..steps {
            let step = fate.draw(&town);
            if let Some(taken) = &mut taken {
                taken.push(step.clone());
            }
            town.apply(&step)?;
        }
        town.finish()
    };
    let fault = play().err();
    Run { events: town.events, coverage: town.coverage().clone(), digest: town.digest, fault }
}

/// The world of a seed, and what else is drawn.
fn world(seed: u64) -> (Swarm, Rng) {
    let mut rng = Rng::with_seed(seed);
    (Swarm::draw(&mut rng), rng)
}

impl Script {
    /// How many steps it has.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether nothing happens in it.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Plays it, and writes it down as a conversation that says in its title what is wrong.
    pub fn chat(&self) -> String {
        let mut town = Town::new(&self.swarm);
        town.chat = Some(Chat::new(
            self.swarm.lines,
            &self.swarm.limits,
            self.swarm.registration,
            self.swarm.history,
        ));
        let fault = self.play_in(&mut town).map_or_else(String::new, |(_, fault)| fault);
        town.chat.map_or_else(String::new, |chat| chat.text(&fault))
    }

    /// Plays it. What was wrong, if anything was, and after which step.
    fn play(&self) -> Option<(usize, String)> {
        self.play_in(&mut Town::new(&self.swarm))
    }

    fn play_in(&self, town: &mut Town) -> Option<(usize, String)> {
        for (index, step) in self.steps.iter().enumerate() {
            if let Err(fault) = town.apply(step) {
                return Some((index, fault));
            }
        }
        town.finish().err().map(|fault| (self.steps.len(), fault))
    }
}

#[cfg(test)]
mod tests;
