package rules

import (
	"time"

	"khaibao/models"
)

// Delivery says when SMS takes over an advice that a push has not carried. It is checked when a program loads.
type Delivery struct {
	SMSAfter time.Duration // how long the push is given; 0: SMS never takes over
	SMSFrom  models.Level  // the least level that is worth an SMS
}

// SMSAfter tells how long a push about a level is given before SMS takes over; false when it never does.
func (p *Program) SMSAfter(level models.Level) (time.Duration, bool) {
	return p.delivery.SMSAfter, p.delivery.SMSAfter > 0 && level >= p.delivery.SMSFrom
}

// SMSAfter is Program.SMSAfter of a version; false when there is no such version.
func (c *Catalog) SMSAfter(program string, version int, level models.Level) (time.Duration, bool) {
	p, ok := c.Version(program, version)
	if !ok {
		return 0, false
	}
	return p.SMSAfter(level)
}

func (b *builder) delivery(node *deliveryNode) Delivery {
	if node == nil {
		return Delivery{}
	}
	return Delivery{SMSAfter: b.duration(node.SMSAfter), SMSFrom: b.level(node.SMSFrom)}
}
