//! The program: window, controller, network, and what is kept on disk, put together.

use std::any::Any;
use std::cell::RefCell;
use std::panic;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use slint::winit_030::winit::event::WindowEvent;
use slint::winit_030::{EventResult, WinitWindowAccessor as _};
use slint::{CloseRequestResponse, ComponentHandle as _, LogicalPosition, LogicalSize};
use smol::channel::{Receiver, RecvError, Sender};
use smol::future::FutureExt as _;

use crate::adapters::{Desk, Window, Wish};
use crate::address::{Invitation, ServerAddress};
use crate::args::Args;
use crate::controller::{Controller, Effect, Trusting};
use crate::format::is_web_link;
use crate::host::Host;
use crate::known_servers::{Known, KnownServers};
use crate::log::Log;
use crate::network::{Identity, Network, News, Order, Target, nonce};
use crate::sentence::{Phrase, Sentence};
use crate::settings::{Settings, WindowPlace};
use crate::store::{File, Login, Request, Store};
use crate::ui::{self, AppAdapter, ConnectAdapter, Dialog, LoginAdapter, Phrases};

/// Opens the window, and returns when it is closed.
///
/// # Errors
/// What keeps the window from opening, as a sentence.
pub fn run(args: Args) -> Result<(), String> {
    let profile = Profile::find(args.profile.clone())?;
    let window = open_window()?;
    let (news, arrivals) = smol::channel::bounded(NEWS_WAITING_MAX);
    // Few, and never waited for: the window asks for each.
    let (tell, told) = smol::channel::unbounded();
    let network = Network::start(move |item| news.send_blocking(item).is_ok())
        .map_err(|error| format!("no thread could be started: {error}"))?;
    let program = Program::new(window, network, profile)?;
    program.open(args, tell)?;
    program.listen(arrivals, told)?;
    program.window().run().map_err(|error| no_window(&error.to_string()))?;
    program.close();
    Ok(())
}

/// The program while it runs. Every callback of the window has one.
#[derive(Clone)]
struct Program(Rc<Parts>);

struct Parts {
    window: Window,
    controller: RefCell<Controller>,
    /// Orders pass through it, where there is one.
    store: RefCell<Option<Store>>,
    network: Network,
    known: RefCell<KnownServers>,
    settings: RefCell<Settings>,
    profile: Profile,
    host: RefCell<Option<Host>>,
}

/// Where things are kept.
struct Profile {
    settings: PathBuf,
    known_servers: PathBuf,
    store: PathBuf,
    host: PathBuf,
}

impl Program {
    fn new(window: ui::App, network: Network, profile: Profile) -> Result<Self, String> {
        let known = KnownServers::open(&profile.known_servers).map_err(|error| error.to_string())?;
        let (settings, warning) = Settings::load(&profile.settings);
        if let Some(warning) = warning {
            eprintln!("chatroom: {warning}");
        }
        let log = Rc::new(RefCell::new(Log::default()));
        let mut controller = Controller::new(Rc::clone(&log));
        controller.set_zone(jiff::tz::TimeZone::system());
        let program = Self(Rc::new(Parts {
            window: Window::new(window, log),
            controller: RefCell::new(controller),
            store: RefCell::default(),
            network,
            known: RefCell::new(known),
            settings: RefCell::new(settings),
            profile,
            host: RefCell::default(),
        }));
        program.0.window.connect(&program);
        program.restore();
        Ok(program)
    }

    fn window(&self) -> &ui::App {
        self.0.window.window()
    }

    /// What was chosen the last time.
    fn restore(&self) {
        let settings = self.0.settings.borrow();
        let window = self.window();
        let adapter = window.global::<AppAdapter>();
        adapter.set_theme(settings.theme.into());
        adapter.set_language(settings.language.into());
        adapter.set_text_scale(settings.text_scale);
        adapter.set_version(env!("CARGO_PKG_VERSION").into());
        adapter.set_licences(LICENCES.into());
        window.global::<ConnectAdapter>().set_address(settings.server.as_str().into());
        if let Some(username) = &settings.username {
            window.global::<LoginAdapter>().set_username(username.as_str().into());
        }
        if let Some(place) = settings.window {
            window.window().set_size(LogicalSize::new(place.width, place.height));
            window.window().set_position(LogicalPosition::new(place.x, place.y));
        }
        crate::language::choose(settings.language);
        drop(settings);
        self.show();
    }

    /// Does what the command line asks for, goes on where the window was closed, and hears what becomes of it.
    fn open(&self, args: Args, tell: Sender<News>) -> Result<(), String> {
        self.window().global::<ConnectAdapter>().set_insecure(args.insecure);
        let mut file = self.open_file();
        let mut login = |server: Option<&str>| self.last_login(&mut file, server);
        if args.host {
            let host = Host::start(&self.0.profile.host)?;
            println!("{}", host.invitation_for_others());
            let login = login(host.own_invitation().key.map(|key| key.to_string()).as_deref());
            self.keep_in(file, tell)?;
            self.join(host, login);
        } else if let Some(server) = args.server {
            self.window().global::<ConnectAdapter>().set_address(server.as_str().into());
            let invitation = server.parse::<Invitation>().ok().filter(|_| !args.insecure);
            let known = invitation.and_then(|invitation| Some((self.identity(&invitation)?, invitation)));
            let login = known.and_then(|(identity, invitation)| Some((login(Some(&identity))?, invitation)));
            self.keep_in(file, tell)?;
            let trusting = if args.insecure { Trusting::AnyoneInsecurely } else { Trusting::Checked };
            match login {
                Some((login, invitation)) => self.go_on(login, invitation),
                None => self.act(|controller| controller.connect(&server, trusting)),
            }
        } else {
            let login = login(None).and_then(|login| {
                let invitation: Invitation = login.account.address.parse().ok()?;
                let is_known = self.identity(&invitation).as_ref() == Some(&login.account.server);
                is_known.then_some((login, invitation))
            });
            self.keep_in(file, tell)?;
            if let Some((login, invitation)) = login.filter(|_| !args.insecure) {
                self.go_on(login, invitation);
            }
        }
        let program = self.clone();
        self.window().window().on_close_requested(move || {
            let others = program.others();
            if others == 0 {
                return CloseRequestResponse::HideWindow;
            }
            let adapter = program.window().global::<AppAdapter>();
            adapter.set_connected_others(others);
            adapter.set_dialog(Dialog::ConfirmClose);
            CloseRequestResponse::KeepWindowShown
        });
        let program = self.clone();
        self.window().window().on_winit_window_event(move |_, event| {
            if let WindowEvent::Focused(is_in_front) = event {
                program.act(|controller| controller.set_in_front(*is_in_front));
            }
            EventResult::Propagate
        });
        Ok(())
    }

    /// The file with what was read and typed. Without it the window works as well until it is closed, and says so.
    fn open_file(&self) -> File {
        match File::open(&self.0.profile.store) {
            Ok((file, warning)) => {
                warning.into_iter().for_each(|warning| eprintln!("chatroom: {warning}"));
                file
            }
            Err(unopened) => {
                eprintln!("chatroom: {unopened}");
                self.act(|controller| controller.set_unkept(&unopened.why));
                File::in_memory()
            }
        }
    }

    fn last_login(&self, file: &mut File, server: Option<&str>) -> Option<Login> {
        file.last_login(server).unwrap_or_else(|error| {
            let path = self.0.profile.store.display();
            eprintln!("chatroom: {path}: what was read and typed cannot be read: {error}");
            None
        })
    }

    /// From now on what is read and typed is kept there.
    fn keep_in(&self, file: File, tell: Sender<News>) -> Result<(), String> {
        let Some(nonce) = nonce() else { return Ok(()) };
        // Who closes the window wants to be told no more.
        let tell = move |told| drop(tell.try_send(News::Store(told)));
        let store = Store::start(file, tell, self.0.network.line())
            .map_err(|error| format!("no thread could be started: {error}"))?;
        self.0.store.replace(Some(store));
        self.0.controller.borrow_mut().keep_in_file(nonce);
        Ok(())
    }

    /// What a server is known by that was met before, if the link says nothing else.
    fn identity(&self, invitation: &Invitation) -> Option<String> {
        match (self.0.known.borrow().get(&invitation.address)?, invitation.key) {
            (Known::Key(known), Some(invited)) if known != invited => None,
            (Known::Key(known), _) => Some(known.to_string()),
            (Known::Authority, Some(invited)) => Some(invited.to_string()),
            (Known::Authority, None) => Some(invitation.address.to_string()),
        }
    }

    fn go_on(&self, login: Login, invitation: Invitation) {
        self.window().global::<LoginAdapter>().set_username(login.account.name.as_str().into());
        self.act(|controller| controller.go_on(login, invitation));
    }

    /// Takes what the network and the file tell, in batches: the window is not drawn more often than it can be seen.
    fn listen(&self, arrivals: Receiver<News>, told: Receiver<News>) -> Result<(), String> {
        let program = self.clone();
        let listen = async move {
            while let Ok(first) = either(&arrivals, &told).await {
                let next = || told.try_recv().or_else(|_| arrivals.try_recv()).ok();
                let rest = std::iter::from_fn(next).take(NEWS_WAITING_MAX);
                let batch: Vec<News> = std::iter::once(first).chain(rest).collect();
                program.look_for_person();
                program.act(|controller| controller.apply(now(), batch));
                smol::Timer::after(BATCH_PAUSE).await;
            }
        };
        slint::spawn_local(listen).map(drop).map_err(|error| format!("the window has no event loop: {error}"))
    }

    /// Keeps what is to be found again at the next start.
    fn close(&self) {
        let window = self.window().window();
        let scale = window.scale_factor();
        let (size, position) = (window.size().to_logical(scale), window.position().to_logical(scale));
        let mut settings = self.0.settings.borrow_mut();
        if size.width > 0. && size.height > 0. {
            settings.window =
                Some(WindowPlace { x: position.x, y: position.y, width: size.width, height: size.height });
        }
        drop(settings);
        self.save_settings();
        self.order(Order::Disconnect);
        // It ends when all is written.
        self.0.store.borrow_mut().take();
        self.0.host.borrow_mut().take();
    }

    /// Whether the person looks at this window. A window that opens behind others is told nothing about it.
    fn look_for_person(&self) {
        let has_focus = self.window().window().with_winit_window(|window| window.has_focus());
        self.0.controller.borrow_mut().set_in_front(has_focus.unwrap_or(true));
    }

    fn show(&self) {
        let screen = self.0.controller.borrow().screen().clone();
        self.0.window.show(&screen);
    }

    fn execute(&self, effect: Effect) {
        match effect {
            Effect::Connect(invitation, trusting) => {
                self.connect(invitation, trusting, Order::Connect);
            }
            Effect::GoOn(invitation, kept) => {
                self.connect(invitation, Trusting::Checked, |target| Order::GoOn(target, kept));
            }
            Effect::Store(request) => {
                if let Some(store) = &*self.0.store.borrow() {
                    store.ask(request);
                }
            }
            Effect::Order(order) => self.order(order),
            Effect::Remember(address, identity) => self.remember(&address, identity),
            Effect::RememberUser(username) => {
                self.0.settings.borrow_mut().username = Some(username);
                self.save_settings();
            }
            Effect::Notify { title, body } => {
                let body = self.window().global::<Phrases>().invoke_text((&body).into());
                notify(title, body.into());
            }
        }
    }

    fn order(&self, order: Order) {
        match &*self.0.store.borrow() {
            Some(store) => store.ask(Request::Order(order)),
            None => self.0.network.order(order),
        }
    }

    fn connect(&self, invitation: Invitation, trusting: Trusting, order: impl FnOnce(Target) -> Order) {
        let known = self.0.known.borrow().get(&invitation.address);
        let trust = match (trusting, known, invitation.key) {
            (Trusting::AnyoneInsecurely, _, _) => Identity::AnyoneInsecurely,
            (_, Some(Known::Key(known)), Some(invited)) if known != invited => {
                let mut controller = self.0.controller.borrow_mut();
                return controller.key_differs(&known.to_string(), &invited.to_string());
            }
            (_, _, Some(invited)) => Identity::Key(invited),
            (_, Some(Known::Key(known)), None) => Identity::Key(known),
            (_, Some(Known::Authority), None) => Identity::Authority,
            (_, None, None) => Identity::Unknown,
        };
        if self.0.host.borrow().is_none() {
            self.0.settings.borrow_mut().server = invitation.address.to_string();
            self.save_settings();
        }
        self.order(order(Target { address: invitation.address, trust }));
    }

    fn remember(&self, address: &ServerAddress, identity: Identity) {
        let known = match identity {
            Identity::Key(fingerprint) => Known::Key(fingerprint),
            Identity::Authority => Known::Authority,
            Identity::Unknown | Identity::AnyoneInsecurely => return,
        };
        // A hosted chat's port may be another one each time.
        if self.0.host.borrow().is_some() || self.0.known.borrow().get(address) == Some(known) {
            return;
        }
        let remembered = self.0.known.borrow_mut().remember(address, known);
        if let Err(error) = remembered {
            eprintln!("chatroom: this server will be asked about again: {error}");
        }
    }

    fn host(&self) {
        match Host::start(&self.0.profile.host) {
            Ok(host) => self.join(host, None),
            Err(why) => {
                self.act(|controller| controller.cannot_connect(Sentence::with(Phrase::HostFailed, why)));
            }
        }
    }

    fn join(&self, host: Host, login: Option<Login>) {
        let (own, others) = (host.own_invitation(), host.invitation_for_others());
        self.0.host.replace(Some(host));
        self.window().global::<ConnectAdapter>().set_hosting(true);
        self.act(|controller| controller.set_host_link(others.to_string()));
        match login {
            Some(login) => self.go_on(login, own),
            None => self.act(|controller| controller.connect(&own.to_string(), Trusting::Checked)),
        }
    }

    /// How many people besides this window's would be cut off.
    fn others(&self) -> i32 {
        let users = self.0.host.borrow().as_ref().map_or(0, Host::users);
        let own = usize::from(!self.0.controller.borrow().screen().lobby.username.is_empty());
        i32::try_from(users.saturating_sub(own)).unwrap_or(i32::MAX)
    }

    fn save_settings(&self) {
        if let Err(error) = self.0.settings.borrow().save(&self.0.profile.settings) {
            eprintln!("chatroom: the settings could not be kept: {error}");
        }
    }
}

impl Desk for Program {
    fn act<R>(&self, act: impl FnOnce(&mut Controller) -> R) -> R {
        let result = {
            let mut controller = self.0.controller.borrow_mut();
            controller.set_now(now());
            act(&mut controller)
        };
        loop {
            // Doing it may need the controller.
            let effect = self.0.controller.borrow_mut().poll_effect();
            let Some(effect) = effect else { break };
            self.execute(effect);
        }
        self.show();
        result
    }

    fn wish(&self, wish: Wish) {
        match wish {
            Wish::Host => return self.host(),
            Wish::OpenLink(link) => return open_link(&link),
            Wish::CloseAnyway => {
                let _ = slint::quit_event_loop();
                return;
            }
            Wish::Theme(theme) => self.0.settings.borrow_mut().theme = theme,
            Wish::Language(language) => {
                self.0.settings.borrow_mut().language = language;
                crate::language::choose(language);
            }
            Wish::Zoom(step) => {
                let mut settings = self.0.settings.borrow_mut();
                settings.text_scale = zoomed(settings.text_scale, step);
                self.window().global::<AppAdapter>().set_text_scale(settings.text_scale);
            }
        }
        self.save_settings();
    }
}

impl Profile {
    /// In `folder`, or where this system keeps such things.
    fn find(folder: Option<PathBuf>) -> Result<Self, String> {
        let (config, data) = match folder {
            Some(folder) => (folder.clone(), folder),
            None => {
                let dirs = directories::ProjectDirs::from("", "", "chatroom").ok_or(
                    "this user has no home folder to keep settings in; say where with --profile DIR",
                )?;
                (dirs.config_dir().to_owned(), dirs.data_dir().to_owned())
            }
        };
        Ok(Self {
            settings: config.join("window.toml"),
            known_servers: config.join("known-servers.toml"),
            store: crate::store::path_in(&data),
            host: data.join("hosted"),
        })
    }
}

/// Where a library of X11 is not there, those below Slint panic rather than say so.
fn open_window() -> Result<ui::App, String> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let opened = panic::catch_unwind(|| choose_renderer().and_then(|()| ui::App::new()));
    panic::set_hook(hook);
    match opened {
        Ok(Ok(window)) => Ok(window),
        Ok(Err(error)) => Err(no_window(&error.to_string())),
        Err(panic) => Err(no_window(panic_message(&*panic))),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a library that it needs is missing")
}

/// Drawing without OpenGL: with a broken OpenGL the other renderer shows no window and no error. Who has a graphics
/// card and wants it used says `SLINT_BACKEND=winit-femtovg`.
fn choose_renderer() -> Result<(), slint::PlatformError> {
    if std::env::var_os("SLINT_BACKEND").is_some() {
        return Ok(());
    }
    let selector =
        slint::BackendSelector::new().backend_name("winit".into()).renderer_name("software".into());
    selector.select()
}

fn no_window(error: &str) -> String {
    // winit says first in which line of its source it noticed.
    let reason =
        error.rsplit_once(".rs:").and_then(|(_, rest)| rest.split_once(": ")).map_or(error, |(_, why)| why);
    format!("no window can be opened: {}{}", reason.trim_end_matches('.'), missing_libraries())
}

/// What to install, where it can be named.
fn missing_libraries() -> &'static str {
    if cfg!(target_os = "linux") {
        "; on Debian or Ubuntu install libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0, and start it in a \
         graphical session"
    } else {
        ""
    }
}

/// What comes first of two.
async fn either(one: &Receiver<News>, other: &Receiver<News>) -> Result<News, RecvError> {
    let other = async {
        match other.recv().await {
            Ok(news) => Ok(news),
            // There is no file.
            Err(_) => smol::future::pending().await,
        }
    };
    one.recv().or(other).await
}

fn now() -> jiff::civil::DateTime {
    jiff::Zoned::now().datetime()
}

fn open_link(link: &str) {
    if is_web_link(link)
        && let Err(error) = open::that_detached(link)
    {
        eprintln!("chatroom: no browser could be started: {error}");
    }
}

/// Telling the desktop takes a while where there is nobody to tell, so it is done elsewhere.
fn notify(title: String, body: String) {
    let tell = move || {
        notify_rust::Notification::new()
            .appname("Chatroom")
            .summary(&title)
            .body(&escape_markup(&body))
            .show()
    };
    // Who has no notifications reads the count in the title.
    smol::unblock(move || tell().map(drop).ok()).detach();
}

/// Desktops read a notification's body as markup.
fn escape_markup(body: &str) -> String {
    body.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn zoomed(scale: f32, step: i32) -> f32 {
    match step {
        0 => 1.0,
        step if step > 0 => (scale + 0.1).min(2.0),
        _ => (scale - 0.1).max(0.7),
    }
}

/// At most 60 batches a second.
const BATCH_PAUSE: Duration = Duration::from_millis(16);

/// How much the network may be ahead of the window, before it stops reading.
const NEWS_WAITING_MAX: usize = 4_096;

/// What this program is made of, for the page that says so.
pub const LICENCES: &str = "Chatroom is licensed under MIT or Apache-2.0. It is made with Slint (royalty-free licence 2.0), \
     rustls, SQLite and other libraries, each under its own licence. The typeface is DejaVu Sans.";
