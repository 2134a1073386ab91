//! The executable; what it does is its library.

fn main() -> std::process::ExitCode {
    noroshi::main()
}
