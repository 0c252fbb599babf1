"""Which vocabulary of the domain the API takes as input. Import it before building the schema."""

from domain import enums, filters, paging, records
from graph.declare import as_enum, as_input

for _enum in (
    enums.Seniority,
    enums.EmailStatus,
    enums.EmailType,
    enums.PhoneType,
    enums.EmployeeRange,
    enums.RecordSource,
    enums.ActivityType,
    enums.Role,
    paging.Direction,
    paging.Nulls,
    paging.ContactOrderField,
    paging.CompanyOrderField,
):
    as_enum(_enum)

for _input in (
    filters.StringFilter,
    filters.StringListFilter,
    filters.BooleanFilter,
    filters.IDFilter,
    filters.UUIDFilter,
    filters.SeniorityFilter,
    filters.EmailStatusFilter,
    filters.IntRange,
    filters.IntFilter,
    filters.BigIntRange,
    filters.BigIntFilter,
    filters.DateRange,
    filters.DateFilter,
    filters.DateTimeRange,
    filters.DateTimeFilter,
    filters.CompanyFilter,
    filters.ContactFilter,
    paging.ContactOrder,
    paging.CompanyOrder,
):
    as_input(_input)

as_input(records.NewEmail, name="ContactEmailInput")
as_input(records.NewPhone, name="ContactPhoneInput")
as_input(records.NewLocation, name="LocationInput")
