package publish

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// maxItem is what DynamoDB takes as one item.
const maxItem = 400 << 10

// item is a row as DynamoDB keeps it; nulls are left out, as an index takes no null.
func (d *dynamoRun) item(row []any) (map[string]types.AttributeValue, error) {
	item := map[string]types.AttributeValue{
		byPublication: &types.AttributeValueMemberS{Value: d.request.mark()},
		byRun:         &types.AttributeValueMemberS{Value: d.marker},
	}
	if !d.request.Day.IsZero() {
		item[byDay] = &types.AttributeValueMemberS{Value: d.request.Day.String()}
	}
	size := len(byPublication+byRun+byDay+d.marker+d.request.mark()) + 10
	for i, c := range d.layout.columns {
		if row[i] == nil {
			continue
		}
		v, n, err := attribute(row[i], c.Type)
		if err != nil {
			return nil, d.layout.bad(row, i, err.Error(), "turn such values into NULL, or CAST the column to VARCHAR in the mart's SQL")
		}
		if kind := d.kinds[c.as]; kind == "S" {
			text := plain(row[i], c.Type)
			if v = (&types.AttributeValueMemberS{Value: text}); text == "" {
				return nil, d.layout.bad(row, i, "is an empty text, which cannot be in a key or an index", "turn it into NULL, or another text, in the mart's SQL")
			}
		}
		item[c.as] = v
		size += n + len(c.as)
	}
	if size > maxItem {
		return nil, d.layout.bad(row, longest(row), fmt.Sprintf("makes an item of %d bytes, and DynamoDB takes %d", size, maxItem), "shorten it in the mart's SQL, or leave the column out of columns:")
	}
	return item, nil
}

func longest(row []any) int {
	at, most := 0, -1
	for i, v := range row {
		if s, ok := v.(string); ok && len(s) > most {
			at, most = i, len(s)
		}
	}
	return at
}

// attribute is a value with its size. Numbers keep every digit, up to the 38 that DynamoDB has.
func attribute(v any, kind string) (types.AttributeValue, int, error) {
	switch v := v.(type) {
	case nil:
		return &types.AttributeValueMemberNULL{Value: true}, 1, nil
	case bool:
		return &types.AttributeValueMemberBOOL{Value: v}, 1, nil
	case int64:
		return numeral(plain(v, kind))
	case float64:
		if a := math.Abs(v); !finite(v) || a != 0 && (a < 1e-130 || a >= 1e126) {
			return nil, 0, errNotFinite{v}
		}
		return numeral(number(v))
	case []any:
		list, size := make([]types.AttributeValue, len(v)), 3
		for i, item := range v {
			a, n, err := attribute(item, strings.TrimSuffix(kind, "[]"))
			if err != nil {
				return nil, 0, err
			}
			list[i] = a
			size += n + 1
		}
		return &types.AttributeValueMemberL{Value: list}, size, nil
	case string:
		if strings.HasPrefix(kind, "DECIMAL") || strings.HasSuffix(kind, "HUGEINT") || kind == "UBIGINT" {
			return numeral(v)
		}
		if b, err := hex.DecodeString(v); err == nil && kind == "BLOB" {
			return &types.AttributeValueMemberB{Value: b}, len(b), nil
		}
		return &types.AttributeValueMemberS{Value: v}, len(v), nil
	}
	text := plain(v, kind)
	return &types.AttributeValueMemberS{Value: text}, len(text), nil
}

func numeral(digits string) (types.AttributeValue, int, error) {
	mantissa, _, _ := strings.Cut(digits, "e")
	if significant := strings.Trim(strings.NewReplacer("-", "", ".", "").Replace(mantissa), "0"); len(significant) > 38 {
		return nil, 0, fmt.Errorf("has %d digits, and DynamoDB keeps 38", len(significant))
	}
	return &types.AttributeValueMemberN{Value: digits}, 22, nil
}
