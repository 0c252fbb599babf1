"""Where the columns of the exports of known vendors go: field, and the names of its columns.

`""` is for columns that have no field here; to name them keeps them from being taken for others.
"""

from collections.abc import Mapping
from typing import Final


def _numbered(pattern: str, first: int, last: int) -> str:
    """The names of columns that differ in a number, with commas between."""
    return ",".join(pattern.format(number) for number in range(first, last + 1))


def _pairs(label: str, *, is_email: bool) -> dict[str, str]:
    """The columns of an address book in which a value stands beside its label."""
    point, kind, places = ("email", "E-mail", 3) if is_email else ("phone", "Phone", 4)
    found = {f"{point}s": _numbered(f"{kind} {{}} - Value", places + 1, 9)}
    found[""] = _numbered(f"{kind} {{}} - {label}", places + 1, 9)
    for number in range(1, places + 1):
        field = point if number == 1 else f"{point}{number}"
        found |= {
            field: f"{kind} {number} - Value",
            f"{field}_type": f"{kind} {number} - {label}",
        }
    return found


def _book(label: str, columns: Mapping[str, str], without_field: str) -> dict[str, str]:
    """The columns of an address book of Google's."""
    emails, phones = _pairs(label, is_email=True), _pairs(label, is_email=False)
    others = ",".join(
        _numbered(f"{thing} {{}} - {part}", start, 5)
        for thing, parts, start in (
            ("Address", "Street,City,Region,Postal Code,Country,Extended Address", 2),
            ("Address", f"{label},Formatted,PO Box", 1),
            ("Website", "Value", 2),
            ("Website", label, 1),
            ("Organization", f"{label},Yomi Name,Symbol,Location,Job Description", 1),
            ("Organization", "Name,Title,Department", 2),
            ("IM", f"{label},Service,Value", 1),
            ("Relation", f"{label},Value", 1),
            ("Event", f"{label},Value", 1),
            ("Custom Field", f"{label},Value", 1),
        )
        for part in parts.split(",")
    )
    unread = ",".join((emails.pop(""), phones.pop(""), others, without_field))
    return {**emails, **phones, **columns, **_GOOGLE_PLACE, "": unread}


_GOOGLE_PLACE: Final = {
    "street": "Address 1 - Street",
    "street2": "Address 1 - Extended Address",
    "city": "Address 1 - City",
    "region": "Address 1 - Region",
    "postal_code": "Address 1 - Postal Code",
    "country": "Address 1 - Country",
    "website_url": "Website 1 - Value",
    "notes": "Notes",
}

APOLLO_CONTACTS: Final = {
    "first_name": "First Name",
    "last_name": "Last Name",
    "title": "Title",
    "company_name": "Company, Company Name, organization_name",
    "company_name_for_emails": "Company Name for Emails",
    "email": "Email",
    "email_status": "Email Status",
    "email_source": "Primary Email Source",
    "email_confidence": "Email Confidence",
    "email_is_catch_all": "Primary Email Catch-all Status",
    "email_verified_at": "Primary Email Last Verified At",
    "seniority": "Seniority",
    "departments": "Departments, Sub Departments",
    "phone:WORK_DIRECT": "Work Direct Phone",
    "phone:HOME": "Home Phone",
    "phone:MOBILE": "Mobile Phone",
    "phone:CORPORATE": "Corporate Phone",
    "phone:OTHER": "Other Phone",
    "stage": "Stage",
    "tags": "Lists",
    "last_contacted_at": "Last Contacted",
    "company_employees_count": "# Employees",
    "company_industries": "Industry",
    "company_keywords": "Keywords",
    "linkedin_url": "Person Linkedin Url",
    "company_website": "Website",
    "company_linkedin_url": "Company Linkedin Url",
    "company_facebook_url": "Facebook Url",
    "company_twitter_url": "Twitter Url",
    "city": "City",
    "region": "State",
    "country": "Country",
    "company_street": "Company Address, Company Street",
    "company_city": "Company City",
    "company_region": "Company State",
    "company_country": "Company Country",
    "company_postal_code": "Company Postal Code",
    "company_phone": "Company Phone",
    "company_technologies": "Technologies",
    "company_sic_codes": "SIC Codes",
    "company_naics_codes": "NAICS Codes",
    "company_annual_revenue": "Annual Revenue",
    "company_total_funding": "Total Funding",
    "company_latest_funding": "Latest Funding",
    "company_latest_funding_amount": "Latest Funding Amount",
    "company_last_raised_at": "Last Raised At",
    "company_founded_year": "Founded Year",
    "company_short_description": "Short Description",
    "company_logo_url": "Logo Url",
    "company_retail_locations": "Number of Retail Locations",
    "email2": "Secondary Email",
    "email2_source": "Secondary Email Source",
    "email2_status": "Secondary Email Status",
    "email3": "Tertiary Email",
    "email3_source": "Tertiary Email Source",
    "email3_status": "Tertiary Email Status",
    "": "Contact Owner, Account Owner, Primary Email Verification Source, Secondary Email"
    " Verification Source, Tertiary Email Verification Source, Subsidiary of, Subsidiary of"
    " (Organization ID), Email Sent, Email Open, Email Bounced, Replied, Demoed, Apollo Contact Id,"
    " Apollo Account Id, Apollo Record Id, Primary Intent Topic, Primary Intent Score, Secondary"
    " Intent Topic, Secondary Intent Score, Do Not Call",
}

APOLLO_ACCOUNTS: Final = {
    **{
        name.removeprefix("company_"): columns
        for name, columns in APOLLO_CONTACTS.items()
        if name.startswith("company_") and name not in {"company_name", "company_website"}
    },
    "name": "Company, Company Name, organization_name, Name, Account Name",
    "website_url": "Website",
    "domain": "Domain, Company Domain",
    "phone": "Company Phone, Phone",
    "street": "Company Street, Company Address, Address",
    "city": "Company City, City",
    "region": "Company State, State",
    "country": "Company Country, Country",
    "stage": "Account Stage, Stage",
    "linkedin_url": "Company Linkedin Url, Linkedin Url",
    "": "Apollo Record Id, Apollo Account Id, Account Owner, Lists, Subsidiary of, Subsidiary of"
    " (Organization ID)",
}

HUBSPOT_CONTACTS: Final = {
    "first_name": "First Name, firstname",
    "last_name": "Last Name, lastname",
    "email": "Email, Email address",
    "phone": "Phone Number, phone",
    "phone:MOBILE": "Mobile Phone Number, mobilephone",
    "phone:FAX": "Fax Number, fax",
    "title": "Job Title, jobtitle",
    "company_name": "Company Name, company",
    "company_website": "Website URL, website",
    "street": "Street Address, address",
    "city": "City",
    "region": "State/Region, state",
    "country": "Country/Region, country",
    "postal_code": "Postal Code, Zip code, Postal Code/Zip code, zip",
    "stage": "Lifecycle Stage",
    "lead_status": "Lead Status, hs_lead_status",
    "linkedin_url": "LinkedIn URL, hs_linkedin_url",
    "last_contacted_at": "Last Contacted, notes_last_contacted",
    "": "Record ID, hs_object_id, Contact owner, hubspot_owner_id, Create Date, createdate, Last"
    " Activity Date, Associated Company, Associated Company IDs, LinkedIn Bio, Salutation, Last"
    " Modified Date",
}

HUBSPOT_COMPANIES: Final = {
    "name": "Company name, name",
    "domain": "Company Domain Name, domain",
    "additional_domains": "hs_additional_domains",
    "website_url": "Website URL, website",
    "industries": "Industry",
    "employees_count": "Number of Employees, numberofemployees",
    "annual_revenue": "Annual Revenue, annualrevenue",
    "phone": "Phone Number, phone",
    "street": "Street Address, address",
    "street2": "Street Address 2, address2",
    "city": "City",
    "region": "State/Region, state",
    "country": "Country/Region, country",
    "postal_code": "Postal Code, zip",
    "founded_year": "Year Founded, founded_year",
    "linkedin_url": "LinkedIn Company Page",
    "short_description": "Description",
    "stage": "Lifecycle Stage",
    "": "Record ID, hs_object_id, Company owner, hubspot_owner_id, Create Date, createdate, Last"
    " Activity Date, Parent Company, LinkedIn Bio, Associated Contact, Associated Contact IDs",
}

_SALESFORCE_PERSON: Final = {
    "first_name": "FirstName, First Name",
    "middle_name": "MiddleName, Middle Name",
    "last_name": "LastName, Last Name",
    "title": "Title",
    "email": "Email",
    "phone:WORK_DIRECT": "Phone, Business Phone",
    "phone:MOBILE": "MobilePhone, Mobile Phone",
    "phone:FAX": "Fax, Business Fax",
    "notes": "Description, Contact Description",
}
_SALESFORCE_UNREAD: Final = (
    "LeadSource, Lead Source, Record Owner, OwnerId, Owner, Salutation, Suffix, Created Date,"
    " CreatedDate, Last Modified Date, LastModifiedDate, Last Activity, Rating"
)

SALESFORCE_CONTACTS: Final = {
    **_SALESFORCE_PERSON,
    "full_name": "Contact Full Name",
    "departments": "Department",
    "phone:HOME": "HomePhone, Home Phone",
    "phone:OTHER": "OtherPhone, Other Phone",
    "company_name": "AccountName, Account Name",
    "street": "Mailing Street",
    "city": "Mailing City",
    "region": "Mailing State, Mailing State/Province, Mailing Province",
    "postal_code": "Mailing Zip/Postal Code, Mailing Zip, Mailing Postal Code",
    "country": "Mailing Country",
    "": f"Contact ID, Account ID, Assistant, Asst. Phone, Assistant Phone, Birthdate, Reports To,"
    f" {_SALESFORCE_UNREAD}",
}

SALESFORCE_LEADS: Final = {
    **_SALESFORCE_PERSON,
    "full_name": "Name, Lead Full Name",
    "company_name": "Company, Company / Account",
    "company_website": "Website",
    "lead_status": "Status, Lead Status",
    "company_industries": "Industry",
    "company_annual_revenue": "AnnualRevenue, Annual Revenue",
    "company_employees_count": "No. of Employees, NumberOfEmployees",
    "street": "Street",
    "city": "City",
    "region": "State, State/Province",
    "postal_code": "PostalCode, Postal Code, Zip/Postal Code",
    "country": "Country",
    "": f"Lead ID, {_SALESFORCE_UNREAD}",
}

LINKEDIN: Final = {
    "first_name": "First Name",
    "last_name": "Last Name",
    "linkedin_url": "URL",
    "email": "Email Address",
    "company_name": "Company",
    "title": "Position",
    "": "Connected On",
}

GOOGLE: Final = _book(
    "Label",
    {
        "first_name": "First Name",
        "middle_name": "Middle Name",
        "last_name": "Last Name",
        "company_name": "Organization Name",
        "title": "Organization Title",
        "departments": "Organization Department",
        "tags": "Labels",
    },
    "Phonetic First Name, Phonetic Middle Name, Phonetic Last Name, Name Prefix, Name Suffix,"
    " Nickname, File As, Birthday, Photo",
)

GOOGLE_OLD: Final = _book(
    "Type",
    {
        "full_name": "Name",
        "first_name": "Given Name",
        "middle_name": "Additional Name",
        "last_name": "Family Name",
        "company_name": "Organization 1 - Name",
        "title": "Organization 1 - Title",
        "departments": "Organization 1 - Department",
        "tags": "Group Membership",
    },
    "Yomi Name, Given Name Yomi, Additional Name Yomi, Family Name Yomi, Name Prefix, Name Suffix,"
    " Initials, Nickname, Short Name, Maiden Name, Birthday, Gender, Location, Billing Information,"
    " Directory Server, Mileage, Occupation, Hobby, Sensitivity, Priority, Subject, Language,"
    " Photo",
)

OUTLOOK: Final = {
    "first_name": "First Name",
    "middle_name": "Middle Name",
    "last_name": "Last Name",
    "company_name": "Company",
    "departments": "Department",
    "title": "Job Title",
    "street": "Business Street",
    "street2": "Business Street 2",
    "city": "Business City",
    "region": "Business State",
    "postal_code": "Business Postal Code",
    "country": "Business Country, Business Country/Region",
    "phone:WORK_DIRECT": "Business Phone, Business Phone 2",
    "phone:FAX": "Business Fax, Home Fax, Other Fax",
    "company_phone": "Company Main Phone",
    "phone:HOME": "Home Phone, Home Phone 2",
    "phone:MOBILE": "Mobile Phone",
    "phone": "Primary Phone",
    "phone:OTHER": "Other Phone, Car Phone",
    "email": "E-mail Address",
    "email2": "E-mail 2 Address",
    "email3": "E-mail 3 Address",
    "website_url": "Web Page, Personal Web Page",
    "notes": "Notes",
    "tags": "Categories",
    "keywords": "Keywords",
    "": "Title, Suffix, Nickname, Given Yomi, Surname Yomi, Company Yomi, Business Street 3,"
    " Business PO Box, Business Address PO Box, Home Street, Home Street 2, Home Street 3, Home"
    " City, Home State, Home Postal Code, Home Country, Home Country/Region, Home Address PO Box,"
    " Other Street, Other Street 2, Other Street 3, Other City, Other State, Other Postal Code,"
    " Other Country, Other Country/Region, Other Address PO Box, Assistant's Phone, Callback,"
    " ISDN, Pager, Radio Phone, TTY/TDD Phone, Telex, E-mail Type, E-mail Display Name, E-mail 2"
    " Type, E-mail 2 Display Name, E-mail 3 Type, E-mail 3 Display Name, Birthday, Anniversary,"
    " Account, Assistant's Name, Billing Information, Children, Directory Server, Gender,"
    " Government ID Number, Hobby, Initials, Internet Free Busy, Language, Location, Manager's"
    " Name, Mileage, Office Location, Organizational ID Number, Priority, Private, Profession,"
    " Referred By, Sensitivity, Spouse, User 1, User 2, User 3, User 4",
}

_ZOOMINFO_COMPANY: Final = {
    "name": "Company Name",
    "short_description": "Company Description",
    "website": "Website",
    "founded_year": "Founded Year",
    "phone": "Company HQ Phone",
    "ticker": "Ticker",
    "annual_revenue": "Revenue, Revenue (in 000s USD)",
    "employees_count": "Employees",
    "sic_codes": f"SIC Codes, SIC Code, {_numbered('SIC Code {}', 1, 9)}",
    "naics_codes": f"NAICS Codes, NAICS Code, {_numbered('NAICS Code {}', 1, 9)}",
    "industries": "Primary Industry, All Industries",
    "sub_industries": "Primary Sub-Industry, All Sub-Industries",
    "total_funding": "Total Funding Amount, Total Funding Amount (in 000s USD)",
    "latest_funding_amount": "Recent Funding Amount, Recent Funding Amount (in 000s USD)",
    "latest_funding": "Recent Funding Round",
    "last_raised_at": "Recent Funding Date",
    "linkedin_url": "LinkedIn Company Profile URL",
    "facebook_url": "Facebook Company Profile URL",
    "twitter_url": "Twitter Company Profile URL",
    "ownership_type": "Ownership Type",
    "street": "Company Street Address",
    "city": "Company City",
    "region": "Company State",
    "postal_code": "Company Zip Code",
    "country": "Company Country",
}
_ZOOMINFO_UNREAD: Final = (
    "ZoomInfo Company ID, Revenue Range, Revenue Range (in USD), Employee Range, Number of"
    " Locations, Full Address, Company Full Address, Company County, SIC/NAICS Codes, Defunct"
    " Company, Company Is Acquired, Business Model, Fax, Industry Hierarchical Category, Secondary"
    " Industry Hierarchical Category, Alexa Rank, ZoomInfo Company Profile URL, Ultimate Parent"
    " Company ID, Ultimate Parent Company Name, Immediate Parent Company ID, Immediate Parent"
    " Company Name, Ultimate Parent, Immediate Parent, Ultimate Parent Company, Immediate Parent"
    " Company, Parent Company, Parent Company Name, Relationship, Certified Active Company,"
    " Certification Date, Query Name, Created Date, Last Updated Date"
)

ZOOMINFO_CONTACTS: Final = {
    **{f"company_{name}": columns for name, columns in _ZOOMINFO_COMPANY.items()},
    "last_name": "Last Name",
    "first_name": "First Name",
    "middle_name": "Middle Name",
    "title": "Job Title",
    "seniority": "Management Level",
    "functions": "Job Function",
    "departments": "Department",
    "phone:WORK_DIRECT": "Direct Phone Number",
    "phone:MOBILE": "Mobile phone",
    "email": "Email Address",
    "linkedin_url": "LinkedIn Contact Profile URL",
    "street": "Person Street",
    "city": "Person City",
    "region": "Person State",
    "postal_code": "Person Zip Code",
    "country": "Country, Person Country",
    "": "ZoomInfo Contact ID, Salutation, Suffix, Job Title Hierarchy Level, Job Start Date, Email"
    " Domain, Supplemental Email, Contact Accuracy Score, Contact Accuracy Grade, Contact Accuracy"
    " Score/Grade, ZoomInfo Contact Profile URL, Notice Provided Date, Highest Level of"
    f" Education, {_ZOOMINFO_UNREAD}",
}

ZOOMINFO_COMPANIES: Final = {
    **{
        "website_url" if name == "website" else name: columns
        for name, columns in _ZOOMINFO_COMPANY.items()
    },
    "": _ZOOMINFO_UNREAD,
}
