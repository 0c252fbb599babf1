-- What PostGraphile offers: the live rows, in a schema of its own, with its smart tags. A view has
-- neither keys nor indexes, so the tags say what can be looked up and ordered by.
DROP SCHEMA IF EXISTS postgraphile CASCADE;
CREATE SCHEMA postgraphile;

CREATE VIEW postgraphile.companies AS
SELECT id, name, industries, domain, employees_count, created_at
FROM public.companies WHERE deleted_at IS NULL;

CREATE VIEW postgraphile.contacts AS
SELECT id, full_name, title, email, email_status, created_at, company_id
FROM public.contacts WHERE deleted_at IS NULL;

COMMENT ON VIEW postgraphile.companies IS E'@primaryKey id';
COMMENT ON COLUMN postgraphile.companies.created_at IS E'@behavior +orderBy';
COMMENT ON VIEW postgraphile.contacts IS
    E'@primaryKey id\n@foreignKey (company_id) references postgraphile.companies (id)|@fieldName company|@foreignFieldName contacts|@behavior +connection';
COMMENT ON COLUMN postgraphile.contacts.created_at IS E'@behavior +orderBy';
