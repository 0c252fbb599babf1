"""A file of every vendor that is known, with all its columns, where each has to go, and three rows.

The people are invented. A column that has no value in any row has its header only. Long because
every column that a vendor writes stands here once.
"""

import csv
import io
from dataclasses import dataclass

from streaming.import_fields import Entity

ROWS = 3


@dataclass(frozen=True)
class VendorFile:
    """The export of a vendor.

    Attributes:
        columns: Header, field (empty for none) and the values of the rows with ` / ` between.
        preamble: What stands above the header.
    """

    vendor: str
    entity: Entity
    columns: tuple[tuple[str, str, str], ...]
    preamble: str = ""
    delimiter: str = ","

    @property
    def header(self) -> list[str]:
        return [name for name, _, _ in self.columns]

    @property
    def fields(self) -> dict[str, str | None]:
        return {name: field or None for name, field, _ in self.columns}

    def text(self) -> str:
        """The file as the vendor writes it."""
        file = io.StringIO()
        writer = csv.writer(file, delimiter=self.delimiter, lineterminator="\r\n")
        writer.writerow(self.header)
        cells = [(values.split(" / ") + [""] * ROWS)[:ROWS] for _, _, values in self.columns]
        writer.writerows(zip(*cells, strict=True))
        return self.preamble + file.getvalue()


APOLLO_CONTACTS = VendorFile(
    "Apollo contacts",
    "contacts",
    (
        ("First Name", "first_name", "Ada / Grace / Alan"),
        ("Last Name", "last_name", "Lovelace / Hopper / Turing"),
        ("Title", "title", "CTO / VP Engineering / Head of Research"),
        ("Company Name", "company_name", "Engines Ltd / Cobol Inc / Bombe GmbH"),
        ("Company Name for Emails", "company_name_for_emails", "Engines / Cobol / Bombe"),
        ("Email", "email", "ada@engines.example / grace@cobol.example / alan@bombe.example"),
        ("Email Status", "email_status", "Verified / Extrapolated / Email No Longer Verified"),
        ("Primary Email Source", "email_source", "Apollo / Apollo / CRM"),
        ("Primary Email Verification Source", "", "Apollo"),
        ("Email Confidence", "email_confidence", "0.97 /  / 0.5"),
        ("Primary Email Catch-all Status", "email_is_catch_all", "Not Catch-all / Catch-all"),
        ("Primary Email Last Verified At", "email_verified_at", "2024-03-12T08:30:00+00:00"),
        ("Seniority", "seniority", "C suite / Vp / Head"),
        ("Departments", "departments", "C-Suite / Engineering & Technical / Research"),
        ("Sub Departments", "departments", "Executive / Software Development, Data / Science"),
        ("Contact Owner", "", "owner@us.example / owner@us.example / owner@us.example"),
        ("Work Direct Phone", "phone:WORK_DIRECT", "'+44 20 7946 0001"),
        ("Home Phone", "phone:HOME", "'+44 20 7946 0002"),
        ("Mobile Phone", "phone:MOBILE", "'+44 7700 900003 / '+1 202 555 0104"),
        ("Corporate Phone", "phone:CORPORATE", "'+44 20 7946 0005"),
        ("Other Phone", "phone:OTHER", "'+44 20 7946 0006"),
        ("Stage", "stage", "Cold / Warm / Hot"),
        ("Lists", "tags", "Fair 2024 / VIP, Fair 2024 / VIP"),
        ("Last Contacted", "last_contacted_at", "2024-03-01 / 2024-03-02T10:00:00Z"),
        ("Account Owner", "", "owner@us.example / owner@us.example / owner@us.example"),
        ("# Employees", "company_employees_count", "120 / 4500 / 17"),
        ("Industry", "company_industries", "machinery / information technology & services"),
        ("Keywords", "company_keywords", "engines, cards / compilers / ciphers"),
        ("Person Linkedin Url", "linkedin_url", "http://www.linkedin.com/in/ada-l"),
        ("Website", "company_website", "http://www.engines.example.com / https://cobol.org"),
        ("Company Linkedin Url", "company_linkedin_url", "http://www.linkedin.com/company/engines"),
        ("Facebook Url", "company_facebook_url", "https://www.facebook.com/engines"),
        ("Twitter Url", "company_twitter_url", "https://twitter.com/engines"),
        ("City", "city", "London / Arlington / Manchester"),
        ("State", "region", "England / Virginia / England"),
        ("Country", "country", "United Kingdom / United States / United Kingdom"),
        ("Company Address", "company_street", "1 Dorset Street / 2 Navy Yard"),
        ("Company City", "company_city", "Leeds / New York / Berlin"),
        ("Company State", "company_region", "England / New York"),
        ("Company Country", "company_country", "United Kingdom / United States / Germany"),
        ("Company Phone", "company_phone", "'+44 113 496 0007"),
        ("Technologies", "company_technologies", "Punched Cards, Brass / COBOL"),
        ("Annual Revenue", "company_annual_revenue", "12000000 / 5000000000"),
        ("Total Funding", "company_total_funding", "7500000"),
        ("Latest Funding", "company_latest_funding", "Series B"),
        ("Latest Funding Amount", "company_latest_funding_amount", "5000000"),
        ("Last Raised At", "company_last_raised_at", "2023-11-01"),
        ("Subsidiary of", "", "Analytical Group"),
        ("Subsidiary of (Organization ID)", "", "54a1"),
        ("Email Sent", "", "true / false / false"),
        ("Email Open", "", "false / false / false"),
        ("Email Bounced", "", "false / false / false"),
        ("Replied", "", "false / false / false"),
        ("Demoed", "", "false / false / false"),
        ("Number of Retail Locations", "company_retail_locations", "3 / 0"),
        ("Apollo Contact Id", "", "64a0 / 64a1 / 64a2"),
        ("Apollo Account Id", "", "74a0 / 74a1 / 74a2"),
        ("Secondary Email", "email2", "ada@home.example"),
        ("Secondary Email Source", "email2_source", "Apollo"),
        ("Secondary Email Status", "email2_status", "Verified"),
        ("Tertiary Email", "email3", "countess@home.example"),
        ("Tertiary Email Source", "email3_source", "Apollo"),
        ("Tertiary Email Status", "email3_status", "Unavailable"),
    ),
)

# Without what the guides set in brackets: the plan of most users.
APOLLO_CONTACTS_54 = VendorFile(
    "Apollo contacts",
    "contacts",
    tuple(
        column
        for column in APOLLO_CONTACTS.columns
        if column[0]
        not in {
            "Sub Departments",
            "Primary Email Verification Source",
            "Subsidiary of (Organization ID)",
            "Tertiary Email",
            "Tertiary Email Source",
            "Tertiary Email Status",
            "Primary Email Last Verified At",
            "Email Confidence",
            "Apollo Account Id",
        }
    ),
)

APOLLO_ACCOUNTS = VendorFile(
    "Apollo accounts",
    "companies",
    (
        ("Company Name", "name", "Engines Ltd / Cobol Inc / Bombe GmbH"),
        ("Company Name for Emails", "name_for_emails", "Engines / Cobol / Bombe"),
        ("# Employees", "employees_count", "120 / 4500 / 17"),
        ("Industry", "industries", "machinery / information technology & services / research"),
        ("Website", "website_url", "http://www.engines.co.uk / https://cobol.org / bombe.de"),
        ("Company Linkedin Url", "linkedin_url", "http://www.linkedin.com/company/engines"),
        ("Company Country", "country", "United Kingdom / United States / Germany"),
        ("Keywords", "keywords", "engines, cards / compilers / ciphers"),
        ("Apollo Record Id", "", "54a0 / 54a1 / 54a2"),
        ("Short Description", "short_description", "Engines; of brass. / Compilers."),
        ("Founded Year", "founded_year", "1837 / 1959 / 1939"),
        ("Subsidiary of (Organization ID)", "", "54b0"),
    ),
)

HUBSPOT_CONTACTS = VendorFile(
    "HubSpot contacts",
    "contacts",
    (
        ("Record ID", "", "101 / 102 / 103"),
        ("First Name", "first_name", "Ada / Grace / Alan"),
        ("Last Name", "last_name", "Lovelace / Hopper / Turing"),
        ("Email", "email", "ada@engines.example / grace@cobol.example / alan@bombe.example"),
        ("Phone Number", "phone", "+44 20 7946 0001 / +1 202 555 0104"),
        ("Mobile Phone Number", "phone:MOBILE", "+44 7700 900003"),
        ("Job Title", "title", "CTO / VP Engineering / Head of Research"),
        ("Company Name", "company_name", "Engines Ltd / Cobol Inc / Bombe GmbH"),
        ("Website URL", "company_website", "engines.co.uk / https://cobol.org"),
        ("City", "city", "London / Arlington / Manchester"),
        ("State/Region", "region", "England / Virginia"),
        ("Country/Region", "country", "United Kingdom / United States"),
        ("Postal Code", "postal_code", "W1U 4EG / 22202"),
        ("Lifecycle Stage", "stage", "lead / customer / salesqualifiedlead"),
        ("Lead Status", "lead_status", "Open / In progress"),
        ("Contact owner", "", "Charles Babbage"),
        ("Create Date", "", "2024-03-12 08:30 / 2024-03-13 09:00"),
        ("Last Activity Date*", "", "2024-03-14 10:00"),
        ("Associated Company*", "", "Engines Ltd"),
        ("Associated Company IDs*", "", "201 / 202"),
        ("LinkedIn Bio", "", "Mathematician"),
    ),
)

HUBSPOT_INTERNAL = VendorFile(
    "HubSpot contacts",
    "contacts",
    (
        ("firstname", "first_name", "Ada / Grace / Alan"),
        ("lastname", "last_name", "Lovelace / Hopper / Turing"),
        ("email", "email", "ada@engines.example / grace@cobol.example / alan@bombe.example"),
        ("phone", "phone", "+44 20 7946 0001"),
        ("mobilephone", "phone:MOBILE", "+44 7700 900003"),
        ("jobtitle", "title", "CTO / VP Engineering"),
        ("company", "company_name", "Engines Ltd / Cobol Inc"),
        ("website", "company_website", "engines.co.uk"),
        ("city", "city", "London"),
        ("state", "region", "England"),
        ("zip", "postal_code", "W1U 4EG"),
        ("country", "country", "United Kingdom"),
        ("lifecyclestage", "stage", "lead"),
        ("hs_lead_status", "lead_status", "OPEN"),
        ("hubspot_owner_id", "", "77"),
    ),
)

HUBSPOT_COMPANIES = VendorFile(
    "HubSpot companies",
    "companies",
    (
        ("Company name", "name", "Engines Ltd / Cobol Inc / Bombe GmbH"),
        ("Company Domain Name", "domain", "engines.co.uk / cobol.org / bombe.de"),
        ("Industry", "industries", "MACHINERY / COMPUTER_SOFTWARE"),
        ("Number of Employees", "employees_count", "120 / 4,500 / 17"),
        ("Annual Revenue", "annual_revenue", "12000000"),
        ("Phone Number", "phone", "+44 20 7946 0001"),
        ("City", "city", "London"),
        ("State/Region", "region", "England"),
        ("Country/Region", "country", "United Kingdom"),
        ("Year Founded*", "founded_year", "1837 / 1959"),
        ("LinkedIn Company Page*", "linkedin_url", "https://www.linkedin.com/company/engines"),
        ("hs_additional_domains", "additional_domains", "engines.org;engines.net"),
    ),
)

SALESFORCE_CONTACTS = VendorFile(
    "Salesforce contacts",
    "contacts",
    (
        ("FirstName", "first_name", "Ada / Grace / Alan"),
        ("LastName", "last_name", "Lovelace / Hopper / Turing"),
        ("Contact Full Name", "full_name", "Ada Lovelace / Grace Hopper / Alan Turing"),
        ("Title", "title", "CTO / VP Engineering"),
        ("Department", "departments", "Research / Engineering"),
        ("Email", "email", "ada@engines.example / grace@cobol.example / alan@bombe.example"),
        ("Business Phone", "phone:WORK_DIRECT", "+44 20 7946 0001"),
        ("MobilePhone", "phone:MOBILE", "+44 7700 900003"),
        ("Home Phone*", "phone:HOME", "+44 20 7946 0002"),
        ("Business Fax", "phone:FAX", "+44 20 7946 0009"),
        ("Account Name", "company_name", "Engines Ltd / Cobol Inc / Bombe GmbH"),
        ("Mailing Street", "street", "1 Dorset Street"),
        ("Mailing City", "city", "London"),
        ("Mailing State/Province", "region", "England"),
        ("Mailing Zip/Postal Code", "postal_code", "W1U 4EG"),
        ("Mailing Country", "country", "United Kingdom"),
        ("LeadSource", "", "Web"),
        ("Contact Description", "notes", "Met at the fair."),
        ("Contact ID", "", "0031 / 0032 / 0033"),
        ("OwnerId", "", "0051"),
        ("Assistant", "", "Charles"),
        ("Asst. Phone", "", "+44 20 7946 0008 / +44 20 7946 0010"),
        ("Birthdate", "", "1815-12-10"),
    ),
)

SALESFORCE_LEADS = VendorFile(
    "Salesforce leads",
    "contacts",
    (
        ("First Name", "first_name", "Ada / Grace / Alan"),
        ("Last Name", "last_name", "Lovelace / Hopper / Turing"),
        ("Title", "title", "CTO / VP Engineering"),
        ("Company", "company_name", "Engines Ltd / Cobol Inc / Bombe GmbH"),
        ("Email", "email", "ada@engines.example / grace@cobol.example / alan@bombe.example"),
        ("Phone", "phone:WORK_DIRECT", "+44 20 7946 0001"),
        ("Mobile Phone*", "phone:MOBILE", "+44 7700 900003"),
        ("Website", "company_website", "engines.co.uk"),
        ("Lead Source", "", "Web"),
        ("Status", "lead_status", "Open - Not Contacted"),
        ("Industry", "company_industries", "Machinery"),
        ("Annual Revenue", "company_annual_revenue", "12000000"),
        ("No. of Employees", "company_employees_count", "120"),
        ("Rating*", "", "Hot"),
        ("Street", "street", "1 Dorset Street"),
        ("City", "city", "London"),
        ("State/Province", "region", "England"),
        ("Zip/Postal Code", "postal_code", "W1U 4EG"),
        ("Country", "country", "United Kingdom"),
        ("Description", "notes", "Met at the fair."),
        ("Record Owner", "", "Charles Babbage"),
    ),
)

LINKEDIN = VendorFile(
    "LinkedIn connections",
    "contacts",
    (
        ("First Name", "first_name", "Ada / Grace / Alan"),
        ("Last Name", "last_name", "Lovelace / Hopper / Turing"),
        ("URL", "linkedin_url", "https://www.linkedin.com/in/ada / linkedin.com/in/grace"),
        ("Email Address", "email", " / grace@cobol.example"),
        ("Company", "company_name", "Engines Ltd / Cobol Inc / Bombe GmbH"),
        ("Position", "title", "CTO / VP Engineering"),
        ("Connected On", "", "12 Mar 2024 / 13 Mar 2024 / 1 Apr 2024"),
    ),
    preamble='Notes:\r\n"When exporting, you may notice, that some addresses are missing."\r\n\r\n',
)

GOOGLE = VendorFile(
    "Google contacts",
    "contacts",
    (
        ("First Name", "first_name", "Ada / Grace / Alan"),
        ("Middle Name", "middle_name", "Augusta"),
        ("Last Name", "last_name", "Lovelace / Hopper / Turing"),
        ("Phonetic First Name", "", "Ay-da"),
        ("Phonetic Middle Name", "", ""),
        ("Phonetic Last Name", "", ""),
        ("Name Prefix", "", "Countess"),
        ("Name Suffix", "", "PhD"),
        ("Nickname", "", "Enchantress"),
        ("File As", "", "Lovelace"),
        ("Organization Name", "company_name", "Engines Ltd / Cobol Inc"),
        ("Organization Title", "title", "CTO"),
        ("Organization Department", "departments", "Research"),
        ("Birthday", "", "1815-12-10"),
        ("Notes", "notes", "Met at the fair."),
        ("Photo", "", "https://lh3.example/ada / https://lh3.example/grace"),
        ("Labels", "tags", "* myContacts ::: Fair / * myContacts"),
        ("E-mail 1 - Label", "email_type", "* Work / Home"),
        (
            "E-mail 1 - Value",
            "email",
            "ada@engines.example ::: ada2@engines.example / g@cobol.example",
        ),
        ("E-mail 2 - Label", "email2_type", "Home"),
        ("E-mail 2 - Value", "email2", "ada@home.example"),
        ("Phone 1 - Label", "phone_type", "Mobile / Work"),
        ("Phone 1 - Value", "phone", "+44 7700 900003 ::: +44 7700 900004 / +1 202 555 0104"),
        ("Phone 2 - Label", "phone2_type", "Home"),
        ("Phone 2 - Value", "phone2", "+44 20 7946 0002"),
        ("Address 1 - Label", "", "Work"),
        ("Address 1 - Formatted", "", "1 Dorset Street, London"),
        ("Address 1 - Street", "street", "1 Dorset Street"),
        ("Address 1 - City", "city", "London"),
        ("Address 1 - PO Box", "", "77"),
        ("Address 1 - Region", "region", "England"),
        ("Address 1 - Postal Code", "postal_code", "W1U 4EG"),
        ("Address 1 - Country", "country", "GB"),
        ("Address 1 - Extended Address", "street2", "2nd floor"),
        ("Website 1 - Label", "", "Blog"),
        ("Website 1 - Value", "website_url", "https://ada.example"),
    ),
)

GOOGLE_OLD = VendorFile(
    "Google contacts (old)",
    "contacts",
    (
        ("Name", "full_name", "Ada Lovelace / Grace Hopper / Alan Turing"),
        ("Given Name", "first_name", "Ada / Grace / Alan"),
        ("Additional Name", "middle_name", "Augusta"),
        ("Family Name", "last_name", "Lovelace / Hopper / Turing"),
        ("Yomi Name", "", ""),
        ("Name Prefix", "", "Countess"),
        ("Nickname", "", "Enchantress"),
        ("Birthday", "", "1815-12-10"),
        ("Location", "", "London"),
        ("Occupation", "", "Mathematician"),
        ("Notes", "notes", "Met at the fair."),
        ("Group Membership", "tags", "* myContacts ::: Fair / * myContacts"),
        ("E-mail 1 - Type", "email_type", "* Work / Home"),
        (
            "E-mail 1 - Value",
            "email",
            "ada@engines.example ::: ada2@engines.example / g@cobol.example",
        ),
        ("E-mail 2 - Type", "email2_type", "Home"),
        ("E-mail 2 - Value", "email2", "ada@home.example"),
        ("Phone 1 - Type", "phone_type", "Mobile / Work"),
        ("Phone 1 - Value", "phone", "+44 7700 900003 ::: +44 7700 900004 / +1 202 555 0104"),
        ("Organization 1 - Type", "", ""),
        ("Organization 1 - Name", "company_name", "Engines Ltd / Cobol Inc"),
        ("Organization 1 - Yomi Name", "", ""),
        ("Organization 1 - Title", "title", "CTO"),
        ("Organization 1 - Department", "departments", "Research"),
        ("Organization 1 - Symbol", "", ""),
        ("Organization 1 - Location", "", ""),
        ("Organization 1 - Job Description", "", "Thinks"),
    ),
)

OUTLOOK = VendorFile(
    "Outlook",
    "contacts",
    (
        ("Title", "", "Ms. / Dr. / Mr."),
        ("First Name", "first_name", "Ada / Grace / Alan"),
        ("Middle Name", "middle_name", "Augusta"),
        ("Last Name", "last_name", "Lovelace / Hopper / Turing"),
        ("Suffix", "", "PhD"),
        ("Company", "company_name", "Engines Ltd / Cobol Inc / Bombe GmbH"),
        ("Department", "departments", "Research"),
        ("Job Title", "title", "CTO / VP Engineering"),
        ("Business Street", "street", "1 Dorset Street"),
        ("Business City", "city", "London"),
        ("Business State", "region", "England"),
        ("Business Postal Code", "postal_code", "W1U 4EG"),
        ("Business Country/Region", "country", "United Kingdom"),
        ("Home Street", "", "12 St James's Square"),
        ("Home City", "", "London"),
        ("Home State", "", "England"),
        ("Home Postal Code", "", "SW1Y 4JH"),
        ("Home Country/Region", "", "United Kingdom"),
        ("Other Street", "", ""),
        ("Other City", "", ""),
        ("Other Country/Region", "", ""),
        ("Business Phone", "phone:WORK_DIRECT", "+44 20 7946 0001"),
        ("Business Phone 2", "phone:WORK_DIRECT", "+44 20 7946 0011"),
        ("Business Fax", "phone:FAX", "+44 20 7946 0009"),
        ("Company Main Phone", "company_phone", "+44 20 7946 0007"),
        ("Home Phone", "phone:HOME", "+44 20 7946 0002"),
        ("Home Phone 2", "phone:HOME", "+44 20 7946 0012"),
        ("Mobile Phone", "phone:MOBILE", "+44 7700 900003"),
        ("Primary Phone", "phone", "+44 20 7946 0001"),
        ("E-mail Address", "email", "ada@engines.example / grace@cobol.example"),
        ("E-mail 2 Address", "email2", "ada@home.example"),
        ("E-mail 3 Address", "email3", "countess@home.example"),
        ("Web Page", "website_url", "https://ada.example"),
        ("Notes", "notes", "Met at the fair."),
        ("Categories", "tags", "Fair;VIP"),
        ("Birthday", "", "12/10/1815"),
        ("Keywords", "keywords", "engines"),
    ),
)

_ZOOMINFO_COMPANY = (
    ("ZoomInfo Company ID", "", "501 / 502 / 503"),
    ("Company Name", "name", "Engines Ltd / Cobol Inc / Bombe GmbH"),
    ("Company Description", "short_description", "Engines of brass."),
    ("Website", "website_url", "www.engines.co.uk / www.cobol.org / www.bombe.de"),
    ("Founded Year", "founded_year", "1837 / 1959"),
    ("Company HQ Phone", "phone", "+44 20 7946 0007"),
    ("Ticker", "ticker", "NYSE: COB"),
    ("Revenue (in 000s USD)", "annual_revenue", "12,000 / 5000000 / 1.5"),
    ("Employees", "employees_count", "120 / 4500 / 17"),
    ("Employee Range", "", "100 - 250"),
    ("SIC Codes", "sic_codes", "35, 357 / 737"),
    ("NAICS Codes", "naics_codes", "33, 333 / 51"),
    ("Primary Industry", "industries", "Manufacturing / Software"),
    ("Primary Sub-Industry", "sub_industries", "Industrial Machinery / Compilers"),
    ("Total Funding Amount (in 000s USD)", "total_funding", "7,500"),
    ("Recent Funding Amount (in 000s USD)", "latest_funding_amount", "5,000"),
    ("Recent Funding Round", "latest_funding", "Series B"),
    ("Recent Funding Date", "last_raised_at", "2023-11-01"),
    ("LinkedIn Company Profile URL", "linkedin_url", "https://www.linkedin.com/company/engines"),
    ("Company Street Address", "street", "1 Dorset Street"),
    ("Company City", "city", "Leeds / New York / Berlin"),
    ("Company State", "region", "England / New York"),
    ("Company Zip Code", "postal_code", "LS1 4AP / 10004"),
    ("Company Country", "country", "United Kingdom / United States / Germany"),
    ("Number of Locations", "", "3 / 40"),
)
_SPELT: dict[str, str] = {"website_url": "website"}

ZOOMINFO_CONTACTS = VendorFile(
    "ZoomInfo contacts",
    "contacts",
    (
        ("ZoomInfo Contact ID", "", "901 / 902 / 903"),
        ("Last Name", "last_name", "Lovelace / Hopper / Turing"),
        ("First Name", "first_name", "Ada / Grace / Alan"),
        ("Middle Name", "middle_name", "Augusta"),
        ("Salutation", "", "Ms."),
        ("Suffix", "", "PhD"),
        ("Job Title", "title", "CTO / VP Engineering / Researcher"),
        ("Job Title Hierarchy Level", "", "1 / 2 / 5"),
        ("Management Level", "seniority", "C-Level / VP-Level / Non-Manager"),
        ("Job Function", "functions", "Engineering / Software Development / Research"),
        ("Department", "departments", "C-Suite / Engineering & Technical"),
        ("Direct Phone Number", "phone:WORK_DIRECT", "+44 20 7946 0001"),
        ("Email Address", "email", "ada@engines.example / grace@cobol.example / a@bombe.example"),
        ("Email Domain", "", "engines.example / cobol.example / bombe.example"),
        ("Mobile phone", "phone:MOBILE", "+44 7700 900003"),
        ("Contact Accuracy Score", "", "95 / 87"),
        ("Contact Accuracy Grade", "", "A+ / A"),
        ("LinkedIn Contact Profile URL", "linkedin_url", "https://www.linkedin.com/in/ada"),
        ("Person Street", "street", "12 St James's Square"),
        ("Person City", "city", "London / Arlington"),
        ("Person State", "region", "England / Virginia"),
        ("Person Zip Code", "postal_code", "SW1Y 4JH / 22202"),
        ("Country", "country", "United Kingdom / United States"),
        *(
            (name, f"company_{_SPELT.get(field, field)}" if field else "", values)
            for name, field, values in _ZOOMINFO_COMPANY
        ),
    ),
)

ZOOMINFO_COMPANIES = VendorFile(
    "ZoomInfo companies",
    "companies",
    (
        *_ZOOMINFO_COMPANY,
        ("Defunct Company", "", "No / No / No"),
        ("Company Is Acquired", "", "No / Yes / No"),
        ("Ultimate Parent Company ID", "", "601"),
        ("Ultimate Parent Company Name", "", "Analytical Group"),
        ("Immediate Parent Company ID", "", "602"),
        ("Immediate Parent Company Name", "", "Difference Ltd"),
    ),
)

ALL = (
    *(APOLLO_CONTACTS_54, APOLLO_CONTACTS, APOLLO_ACCOUNTS, HUBSPOT_CONTACTS, HUBSPOT_INTERNAL),
    *(HUBSPOT_COMPANIES, SALESFORCE_CONTACTS, SALESFORCE_LEADS, LINKEDIN, GOOGLE, GOOGLE_OLD),
    *(OUTLOOK, ZOOMINFO_CONTACTS, ZOOMINFO_COMPANIES),
)
