package project

import (
	"slices"
	"strings"
)

// Secrets lists the references to secrets that the project names, in order and each once.
func (p *Project) Secrets() []string {
	refs := []string{p.Mail.SMTP.Password}
	aws := func(a AWS) { refs = append(refs, a.AccessKey, a.SecretKey) }
	aws(p.Lake.AWS)
	for _, c := range p.Alerts {
		refs = append(refs, c.Slack, c.Secret)
		if !strings.Contains(c.Webhook, "://") {
			refs = append(refs, c.Webhook)
		}
	}
	for _, s := range p.Sources {
		aws(s.AWS)
		refs = append(refs, s.Database.URL, s.Stream.Password, s.Collect.Token, s.BigQuery.Credentials)
		for _, ref := range s.HTTP.Secrets {
			refs = append(refs, ref)
		}
		for _, value := range s.Exec.Env {
			if secretRE.MatchString(value) {
				refs = append(refs, value)
			}
		}
	}
	for _, pub := range p.Publications {
		aws(pub.AWS)
		refs = append(refs, pub.URL)
	}
	refs = slices.DeleteFunc(refs, func(ref string) bool { return ref == "" })
	slices.Sort(refs)
	return slices.Compact(refs)
}
