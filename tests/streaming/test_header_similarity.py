"""Promises of `streaming.header_similarity`: a name is like another word by word, or not at all."""

import tracemalloc

import pytest

from streaming.header_similarity import LEAST_SCORE, best_likeness


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Frist Name", "first_name"),
        ("Contact's First Name", "first_name"),
        ("Name, Last", "last_name"),
        ("Your e-mail", "email"),
        ("Lead Phone", "phone"),
        ("Job Tilte", "title"),
        ("LinkedIn Profile Link", "linkedin_url"),
        ("Organisation", "company_name"),
        ("Number of Staff", "company_employees_count"),
        ("Employees Number", "company_employees_count"),
        ("Lead Stats", "lead_status"),
        ("Contact's Lead Status", "lead_status"),
        ("Contact Phone Value", "phone"),
        ("CellPhone Number", "phone:MOBILE"),
    ],
)
def test_a_name_much_like_a_known_one_means_the_same(header: str, field: str) -> None:
    """Slips, words that say nothing, another order; the score says how sure that is."""
    found = best_likeness(header, "contacts")
    assert found is not None
    assert found[0].removeprefix("any_") == field
    assert LEAST_SCORE <= found[1].score <= 0.9


@pytest.mark.parametrize(
    "header",
    [
        *("Last Contacted By", "Company Contact Name", "Email Opened", "First Name Source"),
        *("Owner", "Lead Source", "Record Id", "Parent Company", "Nickname", "City Population"),
        *("", "!?", "日本", "Company Name for Emails Sent", "x" * 1000, "a b c d e f g h"),
        *("Company County", "Apartment", "Last Contracted", "Stages of Life"),
        *("Phone Count", "Number of Phones", "Email Count", "Company Count", "Status"),
        *("Employee Number", "Employee No.", "Employee Id", "Staff Number", "Client Status"),
    ],
)
def test_a_further_word_means_something_else(header: str) -> None:
    """A name that only holds a known one is like none."""
    assert best_likeness(header, "contacts") is None


def test_the_surer_the_fewer_slips() -> None:
    """A name spelt right scores above one that is not."""
    scores = []
    for header in ("Contact First Name", "Contact Frist Name"):
        found = best_likeness(header, "contacts")
        assert found is not None
        scores.append(found[1].score)
    assert scores[0] > scores[1]


@pytest.mark.parametrize(
    "header",
    [
        *("Contact Name", "Contact Phone", "Contact City", "Contact's Phone", "Lead Phone"),
        *("Person Linkedin Url", "Client Country", "Customer Name", "Prospect Phone Number"),
    ],
)
def test_in_a_file_of_companies_a_contact_is_somebody_else(header: str) -> None:
    """Whose name and phone that are is no word that says nothing there."""
    assert best_likeness(header, "companies") is None
    assert best_likeness(header, "contacts")


def test_words_of_many_files_are_not_kept_for_ever() -> None:
    """Names of columns are anybody's; what is remembered of them is bounded."""
    tracemalloc.start()
    try:
        for number in range(100):
            best_likeness(f"{chr(97 + number % 26) * 60_000}{number}", "contacts")
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()
