//! What a server does while it serves: what signals ask of it, and telling its service manager that it lives.

use std::env;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::config::{Changes, Config, Program};
use crate::descriptors;
use crate::exchange::Wake;
use crate::identity::Identity;
use crate::log::Log;
use crate::service::Service;
use crate::service_manager;
use crate::signals::Signal;

/// A server that serves, and how it was told to.
pub(crate) struct Operation<'a, W: Wake> {
    pub(crate) program: &'a Program,
    pub(crate) service: &'a Service<W>,
    pub(crate) config: Config,
    /// `None` where this process logs by other means.
    pub(crate) log: Option<Log>,
    /// Where it listened already when it was started.
    pub(crate) handed: Vec<SocketAddr>,
}

impl<W: Wake> Operation<'_, W> {
    /// Does what it is asked to, until it is asked to stop.
    pub(crate) fn run(mut self, signals: &Receiver<Signal>) {
        let watchdog = service_manager::watchdog_interval();
        service_manager::ready();
        loop {
            match signals.recv_timeout(watchdog.unwrap_or(Duration::MAX)) {
                Ok(Signal::Reload) => {
                    service_manager::reloading();
                    self.reload();
                    service_manager::ready();
                }
                Err(RecvTimeoutError::Timeout) => self.report_health(),
                // Without anybody who could ask any more there is nothing to wait for.
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        service_manager::stopping();
    }

    /// A server that does not get round is not reported, and the manager starts it anew.
    fn report_health(&self) {
        match self.service.health() {
            Ok(()) => service_manager::alive(),
            Err(ailment) => tracing::error!("not healthy: {ailment}"),
        }
    }

    /// Takes over what can be changed without a restart: all of it, or, if anything is wrong, nothing.
    fn reload(&mut self) {
        match self.read_anew() {
            Ok((config, identity)) => {
                let changes = self.config.take_over(config);
                self.apply(identity);
                report(&changes);
            }
            Err(reason) => tracing::error!("nothing was reloaded, everything stays as it was: {reason}"),
        }
        self.service.dismiss_disabled();
        // Rooms may be kept otherwise than before, which is in no configuration.
        self.service.keep(self.config.keep);
    }

    fn read_anew(&self) -> Result<(Config, Identity), String> {
        let args = env::args_os();
        let config = Config::load_with_command(self.program, &self.handed, args, |name| env::var_os(name));
        let (mut config, _) = config.map_err(|error| error.to_string())?;
        descriptors::fit(&mut config.limits)?;
        // Another data folder waits for a restart, and so does the identity in it.
        let identity = Identity::existing(&self.config.data_dir, config.certificate.as_ref());
        Ok((config, identity.map_err(|error| error.to_string())?))
    }

    fn apply(&self, identity: Identity) {
        for warning in &identity.warnings {
            tracing::warn!("{warning}");
        }
        if let Some(log) = &self.log {
            log.set_level(self.config.log_level);
        }
        self.service.reconfigure(&self.config.limits, self.config.registration, identity.tls);
    }
}

fn report(changes: &Changes) {
    let list = |what: &[String]| if what.is_empty() { "nothing".to_owned() } else { what.join(", ") };
    tracing::info!("reloaded; changed: {}", list(&changes.made));
    if !changes.waiting.is_empty() {
        tracing::warn!("these changes need a restart: {}", list(&changes.waiting));
    }
}
