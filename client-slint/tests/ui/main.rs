//! The window without a screen: found by accessible labels, used with pointer and keys, as a person does.

mod pages;
mod seat;
