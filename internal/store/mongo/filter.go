package mongo

import (
	"fmt"

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

// after narrows a filter to what follows a page: greater in the first field that differs. The plain bound on the first
// field lets an index be entered there.
func after(filter bson.D, query *store.Query) (bson.D, error) {
	fields, values, err := query.Keyset()
	if err != nil || len(values) == 0 {
		return filter, err
	}
	var branches bson.A
	for i, field := range fields {
		branch := bson.D{}
		for j, same := range fields[:i] {
			branch = append(branch, bson.E{Key: same.Field, Value: values[j]})
		}
		branches = append(branches, append(branch, bson.E{Key: field.Field, Value: bson.D{{Key: beyond(field), Value: values[i]}}}))
	}
	follows := bson.A{branches[0]}
	if len(fields) > 1 {
		bound := bson.D{{Key: fields[0].Field, Value: bson.D{{Key: beyond(fields[0]) + "e", Value: values[0]}}}}
		follows = bson.A{bound, bson.D{{Key: "$or", Value: branches}}}
	}
	if own := find(filter, "$and"); own != nil {
		own.Value = append(own.Value.(bson.A), follows...)
		return filter, nil
	}
	return append(filter, bson.E{Key: "$and", Value: follows}), nil
}

func beyond(field store.Order) string {
	if field.Desc {
		return "$lt"
	}
	return "$gt"
}
