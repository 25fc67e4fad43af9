-- The same hold in PostgreSQL, one round trip each: idempotency key, due holds first, limit per buyer, stock, time to live, order record.
CREATE TABLE sku (id int PRIMARY KEY, available int NOT NULL CHECK (available >= 0), version bigint NOT NULL DEFAULT 0);
CREATE TABLE unit (id bigserial PRIMARY KEY, order_id text);
CREATE INDEX unit_free ON unit (id) WHERE order_id IS NULL;
CREATE TABLE buyer (id text PRIMARY KEY, units int NOT NULL);
CREATE TABLE hold (
  order_id text PRIMARY KEY, buyer text NOT NULL, key text NOT NULL, fingerprint text NOT NULL, quantity int NOT NULL,
  until bigint NOT NULL, released boolean NOT NULL DEFAULT false, document jsonb NOT NULL, UNIQUE (buyer, key)
);
CREATE INDEX hold_due ON hold (until) WHERE NOT released;

CREATE FUNCTION release_due(way text, at bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE due record;
BEGIN
  FOR due IN SELECT * FROM hold WHERE NOT released AND until <= at ORDER BY until LIMIT 1000 FOR UPDATE SKIP LOCKED LOOP
    UPDATE hold SET released = true WHERE order_id = due.order_id;
    UPDATE buyer SET units = units - due.quantity WHERE id = due.buyer;
    IF way = 'units' THEN UPDATE unit SET order_id = NULL WHERE order_id = due.order_id;
    ELSE UPDATE sku SET available = available + due.quantity, version = version + 1 WHERE id = 1;
    END IF;
  END LOOP;
END $$;

-- Takes the units by one of three ways: a row lock, an optimistic version, or a row for each unit. False when there are not enough.
CREATE FUNCTION take(way text, wanted int, for_order text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE have int; seen bigint; taken int;
BEGIN
  IF way = 'lock' THEN
    SELECT available INTO have FROM sku WHERE id = 1 FOR UPDATE;
    IF have < wanted THEN RETURN false; END IF;
    UPDATE sku SET available = available - wanted, version = version + 1 WHERE id = 1;
    RETURN true;
  ELSIF way = 'version' THEN
    LOOP
      SELECT available, version INTO have, seen FROM sku WHERE id = 1;
      IF have < wanted THEN RETURN false; END IF;
      UPDATE sku SET available = available - wanted, version = version + 1 WHERE id = 1 AND version = seen;
      IF FOUND THEN RETURN true; END IF;
    END LOOP;
  END IF;
  WITH free AS (SELECT id FROM unit WHERE order_id IS NULL ORDER BY id LIMIT wanted FOR UPDATE SKIP LOCKED)
  UPDATE unit SET order_id = for_order FROM free WHERE unit.id = free.id;
  GET DIAGNOSTICS taken = ROW_COUNT;
  IF taken = wanted THEN RETURN true; END IF;
  UPDATE unit SET order_id = NULL WHERE order_id = for_order;
  RETURN false;
END $$;

CREATE FUNCTION place(way text, an_order text, a_buyer text, wanted int, a_key text, print text, at bigint, hold_ms bigint, most int, doc jsonb)
RETURNS TABLE (code text, document jsonb) LANGUAGE plpgsql AS $$
DECLARE known hold%ROWTYPE; had int;
BEGIN
  SELECT * INTO known FROM hold WHERE buyer = a_buyer AND key = a_key;
  IF FOUND THEN
    IF known.fingerprint <> print THEN RETURN QUERY SELECT 'idempotency_key_reused', NULL::jsonb; RETURN; END IF;
    RETURN QUERY SELECT 'replayed', known.document; RETURN;
  END IF;
  PERFORM release_due(way, at);
  INSERT INTO buyer VALUES (a_buyer, wanted) ON CONFLICT (id) DO UPDATE SET units = buyer.units + wanted RETURNING units INTO had;
  IF had > most THEN
    UPDATE buyer SET units = units - wanted WHERE id = a_buyer;
    RETURN QUERY SELECT 'purchase_limit', NULL::jsonb; RETURN;
  END IF;
  IF NOT take(way, wanted, an_order) THEN
    UPDATE buyer SET units = units - wanted WHERE id = a_buyer;
    RETURN QUERY SELECT 'sold_out', NULL::jsonb; RETURN;
  END IF;
  INSERT INTO hold VALUES (an_order, a_buyer, a_key, print, wanted, at + hold_ms, false, doc);
  RETURN QUERY SELECT 'held', doc;
END $$;
