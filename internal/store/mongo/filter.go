package mongo

import (
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"khaibao/internal/store"
)

// operatorOf gives the server's name of an operator.
func operatorOf(op store.Op) (string, error) {
	switch op {
	case store.Eq, store.Has:
		return "$eq", nil
	case store.Ne:
		return "$ne", nil
	case store.Lt:
		return "$lt", nil
	case store.Le:
		return "$lte", nil
	case store.Gt:
		return "$gt", nil
	case store.Ge:
		return "$gte", nil
	case store.In, store.Any:
		return "$in", nil
	case store.All:
		return "$all", nil
	case store.Exists:
		return "$exists", nil
	}
	return "", fmt.Errorf("mongo: no operator %q", op)
}

// filterOf puts the conditions of one field together, since several bounds of a field are one range to the planner; what
// asks twice by the same operator stands apart.
func filterOf(conds []store.Cond) (bson.D, error) {
	filter := bson.D{}
	var apart bson.A
	for _, c := range conds {
		operator, err := operatorOf(c.Op)
		if err != nil {
			return nil, err
		}
		condition := bson.E{Key: operator, Value: listed(c.Value)}
		own := find(filter, c.Field)
		switch {
		case own == nil:
			filter = append(filter, bson.E{Key: c.Field, Value: bson.D{condition}})
		case find(own.Value.(bson.D), operator) != nil:
			apart = append(apart, bson.D{{Key: c.Field, Value: bson.D{condition}}})
		default:
			own.Value = append(own.Value.(bson.D), condition)
		}
	}
	if len(apart) > 0 {
		filter = append(filter, bson.E{Key: "$and", Value: apart})
	}
	return filter, nil
}

// listed makes an empty list of an absent one, which the server would refuse.
func listed(value any) any {
	switch list := value.(type) {
	case []string:
		return append(make([]string, 0, len(list)), list...)
	case []int64:
		return append(make([]int64, 0, len(list)), list...)
	}
	return value
}

func find(d bson.D, key string) *bson.E {
	for i := range d {
		if d[i].Key == key {
			return &d[i]
		}
	}
	return nil
}

// after narrows a filter to what follows a page: a bound on the first field, where an index is entered, without those that
// share its value and come no later. An $or of what follows would be read whole and sorted by DocumentDB.
func after(filter bson.D, query *store.Query) (bson.D, error) {
	fields, values, err := query.Keyset()
	if err != nil || len(values) == 0 {
		return filter, err
	}
	first, more := fields[0], len(fields) > 1
	follows := bson.A{bson.D{{Key: first.Field, Value: bson.D{{Key: beyond(first, more), Value: values[0]}}}}}
	var earlier bson.A
	same := bson.D{{Key: first.Field, Value: values[0]}}
	for i := 1; i < len(fields); i++ {
		last := i == len(fields)-1
		back := store.Order{Field: fields[i].Field, Desc: !fields[i].Desc}
		earlier = append(earlier, append(slices.Clone(same), bson.E{Key: back.Field, Value: bson.D{{Key: beyond(back, last), Value: values[i]}}}))
		if !last {
			earlier = append(earlier, bson.D{{Key: back.Field, Value: nil}}) // without the field: on no later page
		}
		same = append(same, bson.E{Key: back.Field, Value: values[i]})
	}
	if more {
		follows = append(follows, bson.D{{Key: "$nor", Value: earlier}})
	}
	if own := find(filter, "$and"); own != nil {
		own.Value = append(own.Value.(bson.A), follows...)
		return filter, nil
	}
	return append(filter, bson.E{Key: "$and", Value: follows}), nil
}

// beyond compares with what comes later in an order, or the same when that is meant, too.
func beyond(field store.Order, same bool) string {
	operator := "$gt"
	if field.Desc {
		operator = "$lt"
	}
	if same {
		operator += "e"
	}
	return operator
}
