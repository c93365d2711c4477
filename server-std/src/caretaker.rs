//! The thread that does what no connection's own thread does: it looks after connections at their deadlines, and when
//! somebody rang who does not write, and it sends lists.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use chatroom_core::Instant;
use chatroom_core::time::is_earlier;
use server_common::service::Service;
use server_common::session::Happened;
use server_common::turn::{self, Rung, Tend};

use crate::gate::Gate;
use crate::post::Post;
use crate::socket::{self, Line};

/// What there is to look after.
pub(crate) struct Caretaker {
    post: Post,
    handshakes: Gate,
    agenda: Mutex<Agenda>,
    changed: Condvar,
}

#[derive(Default)]
struct Agenda {
    /// By the time and where the line is, which no other has.
    deadlines: BTreeMap<(Instant, usize), Arc<Line>>,
    called: Vec<Arc<Line>>,
    /// Lists may be due, there is something to write, or it is over.
    is_alarmed: bool,
    is_over: bool,
}

/// Who is to be looked after now.
struct Visits {
    due: Vec<Arc<Line>>,
    called: Vec<Arc<Line>>,
}

impl Caretaker {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            post: Post::new(),
            handshakes: Gate::new(),
            agenda: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Starts the thread.
    pub(crate) fn start(self: &Arc<Self>, service: Service<Arc<Line>>) -> io::Result<()> {
        let caretaker = Arc::clone(self);
        thread::Builder::new().name("caretaker".into()).spawn(move || caretaker.run(&service)).map(drop)
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        self.change(|agenda| agenda.is_over = true);
    }

    /// Has lists sent that are due.
    pub(crate) fn alarm(&self) {
        self.change(|agenda| agenda.is_alarmed = true);
    }

    /// Has a line tended.
    pub(crate) fn ring(&self, line: &Arc<Line>) {
        self.change(|agenda| agenda.called.push(Arc::clone(line)));
    }

    /// Where those wait who shake hands.
    pub(crate) fn handshakes(&self) -> &Gate {
        &self.handshakes
    }

    /// Changes when a line is looked after.
    pub(crate) fn rearm(&self, line: &Arc<Line>, from: Option<Instant>, to: Option<Instant>) {
        let key = |at| (at, Arc::as_ptr(line).addr());
        let mut agenda = self.lock();
        let before = agenda.next();
        if let Some(from) = from {
            agenda.deadlines.remove(&key(from));
        }
        if let Some(to) = to {
            agenda.deadlines.insert(key(to), Arc::clone(line));
        }
        let is_earlier = is_earlier(agenda.next(), before);
        drop(agenda);
        if is_earlier {
            self.changed.notify_one();
        }
    }

    /// Ends a turn of a connection's thread.
    pub(crate) fn end_turn(&self, rung: &mut Rung) {
        if !self.post.end_turn(rung) {
            self.alarm();
        }
    }

    fn run(&self, service: &Service<Arc<Line>>) {
        turn::begin();
        let mut rung = Rung::new();
        loop {
            let lists_at = service.server().exchange().tick(service.now());
            self.end_turn(&mut rung);
            let Some(Visits { due, called }) = self.wait(service, lists_at) else { return };
            for line in due {
                line.port().disarm();
                socket::watch(&line, line.handle(Happened::Woken));
            }
            called.into_iter().for_each(|line| line.tend(std::time::Instant::now()));
        }
    }

    /// Waits until there is something to do, and takes what there is; `None` when it is over.
    fn wait(&self, service: &Service<Arc<Line>>, lists_at: Option<Instant>) -> Option<Visits> {
        let mut agenda = self.lock();
        loop {
            if agenda.is_over {
                return None;
            }
            let now = service.now();
            let next = agenda.next().into_iter().chain(lists_at).min();
            if agenda.is_alarmed || !agenda.called.is_empty() || next.is_some_and(|next| next <= now) {
                agenda.is_alarmed = false;
                let later = agenda.deadlines.split_off(&(now, usize::MAX));
                let due = std::mem::replace(&mut agenda.deadlines, later);
                return Some(Visits {
                    due: due.into_values().collect(),
                    called: std::mem::take(&mut agenda.called),
                });
            }
            agenda = match next {
                None => self.changed.wait(agenda).unwrap_or_else(PoisonError::into_inner),
                Some(next) => {
                    let waited = self.changed.wait_timeout(agenda, next.since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn change(&self, change: impl FnOnce(&mut Agenda)) {
        change(&mut self.lock());
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Agenda> {
        self.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Agenda {
    /// When the first deadline comes.
    fn next(&self) -> Option<Instant> {
        self.deadlines.first_key_value().map(|((at, _), _)| *at)
    }
}
