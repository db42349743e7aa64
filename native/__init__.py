"""The floor of the house: codecs, hashes, trees and signatures; it knows no chain words."""
