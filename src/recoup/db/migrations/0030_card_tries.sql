-- The recent tries of each card at each merchant, over all processors and whatever they were for: the attempts and
-- verifications that networks may count, in the order of their making. Whoever makes one adds it here in the same
-- statement, so that two at once wait for each other. Up to `room` tries are added without a look at what became of
-- them, since so few use up no limit; beyond that, and once a decline has `stopped` the card, only by who has looked at
-- this `version`. `card` is the fingerprint; of a test card that everybody uses it is the payment method.
create table card_tries (
    merchant_id uuid not null references merchants (id),
    card bytea not null check (length(card) in (16, 32)),
    version integer not null check (version > 0),
    room smallint not null check (room > 0),
    stopped boolean not null default false,
    tries uuid[] not null check (cardinality(tries) <= 512),
    primary key (merchant_id, card)
)
--;
-- What was tried before, by card and, for test merchants, by payment method. Declines count for sixty-two days, stops of
-- Visa for ever. `room` is the least that any network leaves.
insert into card_tries (merchant_id, card, version, room, stopped, tries)
select t.merchant_id, t.card, 1, 7, bool_or(coalesce(t.rule, '') in ('visa_category_1', 'mastercard_mac_03',
    'mastercard_mac_21')), array_agg(t.id order by t.at)
from (
    select a.*, row_number() over (partition by a.merchant_id, a.card order by a.stops desc, a.at desc) as place
    from (
        select a.merchant_id, c.card, a.id, a.started_at as at, a.rule, coalesce(a.rule, '') = 'visa_category_1' as stops
        from attempts a
        join merchants m on m.id = a.merchant_id
        cross join lateral (
            select a.fingerprint as card
            union all
            select uuid_send(a.payment_method_id) where not m.livemode
        ) c
        where a.state not in ('approved', 'unprocessed', 'reversed')
            and (a.rule = 'visa_category_1' or a.started_at > now() - interval '62 days')
        union all
        select v.merchant_id, c.card, v.id, v.created_at, v.decline ->> 'rule',
            coalesce(v.decline ->> 'rule', '') = 'visa_category_1'
        from verifications v
        join merchants m on m.id = v.merchant_id
        cross join lateral (
            select v.fingerprint as card
            union all
            select uuid_send(v.payment_method_id) where not m.livemode
        ) c
        where (v.status = 'declined' or v.finished_at is null)
            and (v.decline ->> 'rule' = 'visa_category_1' or v.created_at > now() - interval '62 days')
    ) a
) t
where t.place <= 256
group by t.merchant_id, t.card
