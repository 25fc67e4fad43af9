-- What a purchase needs beside the hold: a payment, the provider's events once each, the list that staff look at, and a bank.
CREATE TABLE payment (
  id text PRIMARY KEY, order_id text NOT NULL, key text NOT NULL, state text NOT NULL, amount int NOT NULL, currency text NOT NULL,
  provider_ref text, UNIQUE (order_id, key)
);
CREATE TABLE inbox (event text PRIMARY KEY, at bigint NOT NULL);
CREATE TABLE order_list (
  order_id text PRIMARY KEY, sale text NOT NULL, buyer text NOT NULL, state text NOT NULL, created_at bigint NOT NULL, document jsonb NOT NULL
);
CREATE INDEX order_list_newest ON order_list (sale, created_at, order_id);
CREATE TABLE account (id text PRIMARY KEY, reference text NOT NULL UNIQUE, order_id text NOT NULL, state text NOT NULL, amount int NOT NULL, currency text NOT NULL);
CREATE TABLE outgoing (event text PRIMARY KEY, account text NOT NULL, body text NOT NULL, tries int NOT NULL);

CREATE FUNCTION buy(an_order text, a_buyer text, wanted int, a_key text, print text, at bigint, hold_ms bigint, most int, doc jsonb)
RETURNS TABLE (code text, document jsonb) LANGUAGE plpgsql AS $$
BEGIN
  SELECT placed.code, placed.document INTO code, document
    FROM place('lock', an_order, a_buyer, wanted, a_key, print, at, hold_ms, most, doc) AS placed;
  IF code = 'held' THEN
    INSERT INTO order_list VALUES (an_order, doc->>'sale', a_buyer, 'pending', at, doc);
  END IF;
  RETURN NEXT;
END $$;

-- The hold cannot end under a paying buyer, and the payment is written down before the bank hears of it.
CREATE FUNCTION start_payment(an_order text, a_buyer text, a_key text, at bigint, grace_ms bigint)
RETURNS SETOF payment LANGUAGE plpgsql AS $$
DECLARE held hold%ROWTYPE;
BEGIN
  SELECT * INTO held FROM hold WHERE order_id = an_order AND buyer = a_buyer FOR UPDATE;
  IF NOT FOUND OR held.released OR held.until <= at THEN RETURN; END IF;
  UPDATE hold SET until = until + grace_ms WHERE order_id = an_order;
  INSERT INTO payment VALUES (
    an_order || '_01', an_order, a_key, 'created', (held.document#>>'{amount,amount}')::int, held.document#>>'{amount,currency}', NULL
  ) ON CONFLICT DO NOTHING;
  UPDATE order_list SET state = 'paying' WHERE order_id = an_order;
  RETURN QUERY SELECT * FROM payment WHERE order_id = an_order AND key = a_key;
END $$;

-- Once for each event: the money, the order, the stock and the list, or nothing.
CREATE FUNCTION hear_succeeded(an_event text, a_payment text, a_ref text, paid int, paid_in text, at bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE known payment%ROWTYPE;
BEGIN
  INSERT INTO inbox VALUES (an_event, at) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN 'repeated'; END IF;
  SELECT * INTO known FROM payment WHERE id = a_payment FOR UPDATE;
  IF NOT FOUND THEN RETURN 'unknown'; END IF;
  IF known.amount <> paid OR known.currency <> paid_in THEN RETURN 'mismatch'; END IF;
  UPDATE payment SET state = 'succeeded', provider_ref = a_ref WHERE id = a_payment;
  UPDATE hold SET released = true WHERE order_id = known.order_id;
  UPDATE order_list SET state = 'paid' WHERE order_id = known.order_id;
  RETURN 'paid';
END $$;

CREATE FUNCTION approve(an_account text, an_event text, a_body text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE account SET state = 'succeeded' WHERE id = an_account AND state = 'requires_action';
  IF NOT FOUND THEN RETURN false; END IF;
  INSERT INTO outgoing VALUES (an_event, an_account, a_body, 1);
  RETURN true;
END $$;
