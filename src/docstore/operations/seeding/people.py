"""Names of people who do not exist, and addresses that lead nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_FIRST: Final = _words(
    "Ada Alan Aisha Akira Amara Anders Beatriz Bilal Camille Carlos Chiara Daniel Deniz Edith Elena Emeka Farah Felix "
    "Freya Gabriel Grace Hana Hugo Ines Ivan Jana Joao Jonas Kavya Keiko Lars Leila Lucia Malik Maria Mateo Mei Nadia "
    "Noah Olga Oscar Priya Rafael Rosa Samuel Sofia Tariq Zoe"
)
_LAST: Final = _words(
    "Abbott Almeida Andersson Bauer Becker Bianchi Brandt Castillo Chen Costa Dahl Davies Dubois Eriksen Fischer "
    "Fontaine Garcia Haddad Hansen Hoffmann Ibrahim Ito Jansen Kaur Keller Kim Kowalski Larsen Lopez Martin Mensah "
    "Moreau Nakamura Novak Nowak Okafor Oliveira Patel Petrov Quinn Rossi Sato Schneider Silva Tanaka Torres Virtanen "
    "Weber"
)
_CITIES: Final = _words(
    "Berlin Lisbon Nairobi Osaka Toronto Bogota Warsaw Helsinki Melbourne Lyon Austin Seoul Dublin Cape-Town"
)


@dataclass(frozen=True)
class Person:
    """Somebody: a first and last name, an address at a reserved domain, a user name, a city."""

    first: str
    last: str
    email: str
    username: str
    city: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"


def person(number: int) -> Person:
    """The person of a number; no two of the first 2,304 share a name."""
    first = _FIRST[number % len(_FIRST)]
    last = _LAST[(number * 7 + number // len(_FIRST)) % len(_LAST)]
    handle = f"{first}.{last}".lower()
    domain = ("example.com", "example.org", "example.net")[number % 3]
    city = _CITIES[number % len(_CITIES)].replace("-", " ")
    return Person(first, last, f"{handle}@{domain}", handle.replace(".", "_"), city)


def picture(kind: str, name: str) -> str:
    """The address of a picture, at a domain reserved for examples."""
    return f"https://images.example.com/{kind}/{name}.jpg"
