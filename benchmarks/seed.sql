-- The records of the benchmark: as many companies and contacts as the settings benchmarks.companies
-- and benchmarks.contacts say, in empty tables. Everything follows from hashes of row numbers, so two
-- runs give the same rows. A change of this file makes the database be filled anew.

CREATE FUNCTION pg_temp.roll(n bigint, salt bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
    RETURN hashint8extended(n, salt) & 2147483647;

CREATE FUNCTION pg_temp.pick(items text[], n bigint, salt bigint) RETURNS text LANGUAGE sql IMMUTABLE
    RETURN items[1 + (hashint8extended(n, salt) & 2147483647) % cardinality(items)];

INSERT INTO users (uuid, email, name, role)
VALUES ('00000000-0000-4000-8000-000000000360', 'admin@example.com', 'Benchmark', 'admin');
INSERT INTO users (email, name) SELECT 'owner.' || n || '@example.com', 'Owner ' || n
FROM generate_series(2, 20) AS n;

CREATE TEMP TABLE places (place int, city text, region text, country text, code text, timezone text);
INSERT INTO places VALUES
    (0, 'Berlin', 'Berlin', 'Germany', 'DE', 'Europe/Berlin'),
    (1, 'München', 'Bayern', 'Germany', 'DE', 'Europe/Berlin'),
    (2, 'Austin', 'Texas', 'United States', 'US', 'America/Chicago'),
    (3, 'San Francisco', 'California', 'United States', 'US', 'America/Los_Angeles'),
    (4, 'Boston', 'Massachusetts', 'United States', 'US', 'America/New_York'),
    (5, 'London', 'England', 'United Kingdom', 'GB', 'Europe/London'),
    (6, 'Bengaluru', 'Karnataka', 'India', 'IN', 'Asia/Kolkata'),
    (7, 'Mumbai', 'Maharashtra', 'India', 'IN', 'Asia/Kolkata'),
    (8, 'Toronto', 'Ontario', 'Canada', 'CA', 'America/Toronto'),
    (9, 'Kraków', 'Małopolskie', 'Poland', 'PL', 'Europe/Warsaw'),
    (10, 'São Paulo', 'São Paulo', 'Brazil', 'BR', 'America/Sao_Paulo'),
    (11, 'Singapore', 'Singapore', 'Singapore', 'SG', 'Asia/Singapore');

INSERT INTO companies (
    name, domain, website_url, linkedin_url, industries, sub_industries, technologies, keywords,
    employees_count, annual_revenue, currency, total_funding, latest_funding, latest_funding_amount,
    last_raised_at, founded_year, city, region, country, country_code, timezone, short_description,
    owner_id, stage, source, created_at, updated_at
)
SELECT
    initcap(first) || ' ' || initcap(second) || ' ' || form,
    first || '-' || second || '-' || n || '.example',
    'https://www.' || first || '-' || second || '-' || n || '.example',
    'https://www.linkedin.com/company/' || first || '-' || second || '-' || n,
    industries[1 + roll % 7:2 + roll % 7 + roll % 2],
    ARRAY[first || ' ' || second],
    technologies[1 + roll % 6:3 + roll % 6],
    ARRAY[second, lower(form)],
    size,
    size * (60000 + pg_temp.roll(n, 5) % 200000),
    'USD',
    CASE WHEN funded THEN pg_temp.roll(n, 30) % 500000000 END,
    CASE WHEN funded THEN pg_temp.pick('{Seed,Series A,Series B,Series C,Debt}', n, 31) END,
    CASE WHEN funded THEN pg_temp.roll(n, 32) % 80000000 END,
    CASE WHEN funded THEN date '2012-01-01' + (pg_temp.roll(n, 33) % 5000)::int END,
    1950 + pg_temp.roll(n, 6) % 74,
    city, region, country, code, timezone,
    initcap(second) || ' for ' || lower(industries[1 + roll % 7]) || ' and '
        || lower(industries[2 + roll % 7]) || ': ' || initcap(first) || ' helps teams in '
        || country || ' to plan, deliver and measure their work.',
    1 + pg_temp.roll(n, 34) % 20,
    pg_temp.pick('{Cold,Approaching,Interested,Customer,Bad fit}', n, 35),
    'IMPORT',
    created_at,
    created_at
FROM (
    SELECT
        n,
        pg_temp.roll(n, 3) AS roll,
        pg_temp.roll(n, 36) % 4 = 0 AS funded,
        -- Most companies are small, a few are very large.
        (2 * exp(10.0 * (pg_temp.roll(n, 4) % 1000) ^ 2 / 1000 ^ 2))::int AS size,
        pg_temp.pick('{north,blue,bright,silver,open,prime,next,green,delta,urban,solid,clear}', n, 1) AS first,
        pg_temp.pick('{logistics,analytics,energy,health,systems,foods,capital,robotics,media,mobility}', n, 2) AS second,
        pg_temp.pick('{GmbH,Inc,Ltd,LLC,AG,Group,Labs}', n, 7) AS form,
        '{Software,Logistics,Energy,Healthcare,Manufacturing,Retail,Financial Services,Media,Education,Construction}'::text[] AS industries,
        '{PostgreSQL,Salesforce,HubSpot,AWS,Kubernetes,React,SAP,Snowflake,Stripe}'::text[] AS technologies,
        timestamptz '2019-01-01 00:00Z' + (n - 1) * interval '7 years' / companies
            + pg_temp.roll(n, 8) % 1000000 * interval '1 microsecond' AS created_at
    FROM (SELECT current_setting('benchmarks.companies')::bigint AS companies) AS wanted,
        generate_series(1, companies) AS n
    ORDER BY n
) AS company
JOIN places ON place = pg_temp.roll(n, 9) % 12
ORDER BY n;

INSERT INTO contacts (
    first_name, last_name, title, seniority, departments, functions, email, email_status, city,
    region, country, country_code, company_id, stage, lead_status, tags, keywords, do_not_contact,
    owner_id, source, last_contacted_at, last_verified_at, created_at, updated_at
)
SELECT
    first_name, last_name, level || ' ' || area, seniority, ARRAY[area], ARRAY[area],
    lower(first_name || '.' || last_name) || '.' || n || '@' || domain,
    pg_temp.pick('{VERIFIED,VERIFIED,VERIFIED,LIKELY,UNVERIFIED,CATCH_ALL}', n, 15),
    place.city, place.region, place.country, place.code, companies.id,
    pg_temp.pick('{Cold,Approaching,Interested,Customer,Bad fit}', n, 16),
    pg_temp.pick('{New,Open,In progress,Unqualified}', n, 21),
    ARRAY[pg_temp.pick('{webinar,conference,newsletter,partner,referral}', n, 17)],
    ARRAY[lower(area), 'k' || pg_temp.roll(n, 22) % 1000],
    pg_temp.roll(n, 23) % 200 = 0,
    1 + pg_temp.roll(n, 24) % 20,
    'IMPORT',
    CASE WHEN n % 3 = 0 THEN contact.created_at + pg_temp.roll(n, 25) % 400 * interval '1 day' END,
    CASE WHEN n % 2 = 0 THEN contact.created_at + pg_temp.roll(n, 26) % 400 * interval '1 day' END,
    contact.created_at, contact.created_at
FROM (
    SELECT
        n,
        pg_temp.pick('{Anna,Ben,Carla,David,Elena,Farid,Grace,Henrik,Ines,Jonas,Kavya,Liam,Maria,Nikhil,Olivia,Pedro,Quinn,Rosa,Stefan,Tara,Ulrike,Viktor,Wei,Ximena,Yusuf,Zoe}', n, 11) AS first_name,
        pg_temp.pick('{Adams,Bauer,Costa,Dubois,Eriksson,Fischer,Garcia,Hansen,Iyer,Johnson,Kowalski,Lindgren,Mueller,Nguyen,Okafor,Patel,Quist,Rossi,Schmidt,Tanaka,Urban,Vargas,Weber,Xu,Yilmaz,Zielinski}', n, 12) AS last_name,
        pg_temp.pick('{Sales,Marketing,Engineering,Operations,Finance,Product,People,Customer Success}', n, 14) AS area,
        level[1] AS level,
        level[2] AS seniority,
        -- The later a company was added, the more people it has: those of the long tail fill the
        -- pages of the newest companies, as the third operation wants them.
        companies + 1 - ceil(companies * ((1 + pg_temp.roll(n, 18) % 1000000) / 1000000.0) ^ 1.5)
            AS company_id,
        pg_temp.roll(n, 19) % 12 AS place,
        timestamptz '2019-06-01 00:00Z' + (n - 1) * interval '7 years' / contacts
            + pg_temp.roll(n, 20) % 86400000000 * interval '1 microsecond' AS created_at
    FROM (
        SELECT
            current_setting('benchmarks.companies')::bigint AS companies,
            current_setting('benchmarks.contacts')::bigint AS contacts
    ) AS wanted,
        generate_series(1, contacts) AS n,
        string_to_array(
            pg_temp.pick('{Chief Officer of/C_SUITE,Vice President/VP,Director of/DIRECTOR,Head of/HEAD,Manager/MANAGER,Senior Specialist/SENIOR,Specialist/ENTRY,Associate/ENTRY}', n, 13), '/'
        ) AS level
) AS contact
JOIN places AS place ON place.place = contact.place
JOIN companies ON companies.id = contact.company_id
ORDER BY n;

INSERT INTO contact_emails (contact_id, position, address, type, status, is_primary, source)
SELECT id, 0, email, 'WORK', email_status, true, 'seed' FROM contacts
UNION ALL
SELECT id, 1, lower(first_name) || '.' || id || '@mail.example', 'PERSONAL', 'UNKNOWN', false, 'seed'
FROM contacts WHERE id % 5 = 0;

INSERT INTO contact_metadata (contact_id, headline, linkedin_url, postal_code, notes)
SELECT id, title || ' at ' || company_name,
    'https://www.linkedin.com/in/' || lower(first_name || '-' || last_name) || '-' || id,
    lpad((pg_temp.roll(id, 40) % 100000)::text, 5, '0'),
    CASE WHEN id % 10 = 0 THEN 'Met at the fair of ' || city || ', asked for an offer.' END
FROM contacts;

-- Seven of ten have a phone, and one in a thousand shares it with another.
INSERT INTO contact_phones (contact_id, position, number, e164, type, is_primary, status, source)
SELECT id, 0, number, number, pg_temp.pick('{WORK_DIRECT,MOBILE,CORPORATE}', id, 42), true, 'valid', 'seed'
FROM (
    SELECT id, '+4930' || lpad((CASE WHEN id % 1000 = 0 THEN id / 2000 ELSE id END)::text, 8, '0') AS number
    FROM contacts WHERE pg_temp.roll(id, 41) % 10 < 7
) AS phone;

INSERT INTO activities (contact_id, type, body, actor_id, occurred_at)
SELECT id, pg_temp.pick('{NOTE,EMAIL,CALL,MEETING}', id, 43), 'Talked about ' || lower(title) || '.',
    1 + pg_temp.roll(id, 44) % 20, created_at + interval '30 days'
FROM contacts WHERE id % 8 = 0;
