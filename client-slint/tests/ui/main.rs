//! The window without a screen: found by accessible labels, used with pointer and keys, as a person does.

mod contrast;
mod friends;
mod logins;
mod many;
mod pages;
mod presence;
mod seat;

/// Texts are measured, and not drawn.
fn start_platform() {
    i_slint_backend_testing::init_no_event_loop();
}
