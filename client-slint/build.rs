//! Compiles the `.slint` files.

use slint_build::{CompilerConfiguration, DefaultTranslationContext};

fn main() {
    let is_debug = std::env::var("PROFILE").is_ok_and(|profile| profile == "debug");
    let config = CompilerConfiguration::new()
        // The same widgets on every machine.
        .with_style("fluent".into())
        .with_bundled_translations("lang")
        // A sentence means the same wherever it stands.
        .with_default_translation_context(DefaultTranslationContext::None)
        // Tests find controls by their labels, which needs this; a release does without.
        .with_debug_info(is_debug);
    slint_build::compile_with_config("ui/app.slint", config).expect("the .slint files are right");
}
