-- What a hand-written import does: a file copied as text, then companies, contacts, addresses and
-- numbers written by set-wise statements, a batch of rows or all of them in each transaction.

CREATE TABLE staging (
    n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    first_name text, last_name text, email text, company text, phone text
);

CREATE PROCEDURE merge_staging(size bigint) LANGUAGE plpgsql AS $$
DECLARE
    first bigint := 1;
    last bigint := (SELECT max(n) FROM staging);
BEGIN
    WHILE first <= last LOOP
        INSERT INTO companies (name, source)
        SELECT DISTINCT ON (lower(s.company)) s.company, 'IMPORT' FROM staging s
        WHERE s.n >= first AND s.n < first + size AND s.company <> ''
        AND NOT EXISTS (
            SELECT FROM companies c WHERE lower(c.name) = lower(s.company) AND c.deleted_at IS NULL
        );
        WITH made AS (
            INSERT INTO contacts
                (first_name, last_name, email, email_status, company_id, company_name_raw, source)
            SELECT s.first_name, s.last_name, s.email, 'UNKNOWN', c.id, s.company, 'IMPORT'
            FROM staging s LEFT JOIN companies c
            ON lower(c.name) = lower(s.company) AND c.deleted_at IS NULL
            WHERE s.n >= first AND s.n < first + size
            AND NOT EXISTS (
                SELECT FROM contact_emails e
                WHERE e.email_key = lower(s.email) AND e.deleted_at IS NULL
            )
            RETURNING id, email
        ), addressed AS (
            INSERT INTO contact_emails (contact_id, position, address, is_primary)
            SELECT id, 0, email, true FROM made
        )
        INSERT INTO contact_phones (contact_id, position, number, e164, is_primary)
        SELECT made.id, 0, s.phone, replace(s.phone, ' ', ''), true
        FROM made JOIN staging s ON s.email = made.email
        WHERE s.n >= first AND s.n < first + size AND s.phone IS NOT NULL;
        COMMIT;
        first := first + size;
    END LOOP;
END $$;
