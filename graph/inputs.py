"""Which vocabulary of the domain the API takes as input. Import it before building the schema."""

from domain import aggregates, enums, exports, filters, jobs, merge_policies, paging, records
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
    enums.ContactMatchKey,
    enums.CompanyMatchKey,
    exports.ExportEntity,
    exports.ExportFormat,
    jobs.JobKind,
    jobs.JobStatus,
    merge_policies.MergePolicy,
    merge_policies.ContactField,
    paging.Direction,
    paging.Nulls,
    paging.ContactOrderField,
    paging.CompanyOrderField,
    aggregates.ContactGroupBy,
    aggregates.CompanyGroupBy,
    aggregates.GroupOrderField,
    aggregates.CountPrecision,
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
    filters.EmailTypeFilter,
    filters.PhoneTypeFilter,
    filters.EmployeeRangeFilter,
    filters.RecordSourceFilter,
    filters.ActivityTypeFilter,
    filters.JobKindFilter,
    filters.JobStatusFilter,
    filters.IntRange,
    filters.IntFilter,
    filters.BigIntRange,
    filters.BigIntFilter,
    filters.FloatRange,
    filters.FloatFilter,
    filters.DateRange,
    filters.DateFilter,
    filters.DateTimeRange,
    filters.DateTimeFilter,
    filters.ContactMetadataFilter,
    filters.ContactEmailFilter,
    filters.ContactPhoneFilter,
    filters.ActivityFilter,
    filters.CompanyFilter,
    filters.ContactFilter,
    filters.JobFilter,
    paging.ContactOrder,
    paging.CompanyOrder,
    aggregates.GroupOrder,
):
    as_input(_input)

as_input(records.NewEmail, name="ContactEmailInput")
as_input(records.NewPhone, name="ContactPhoneInput")
as_input(records.NewLocation, name="LocationInput")
