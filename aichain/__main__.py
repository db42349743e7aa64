"""`python -m aichain`, the same as the `aichain` command."""

from aichain.cli import main

if __name__ == "__main__":
    main(prog_name="aichain")
